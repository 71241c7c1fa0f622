package dev.grange.scheduler.cluster;

import dev.grange.scheduler.Loop;
import dev.grange.scheduler.Wakeups;
import dev.grange.scheduler.Wakeups.Chore;
import dev.grange.store.Db;
import jakarta.enterprise.context.ApplicationScoped;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumSet;
import java.util.List;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Carries on what was begun with a cluster: notes when it is drained, interrupts what still runs at
 * the drain's deadline, and lets it take work again when it is time. Each step is one transaction
 * that looks at the cluster's row under its lock, so any number of schedulers may do this.
 */
@ApplicationScoped
public class Upkeep {
  private static final Logger LOG = Logger.getLogger(Upkeep.class);
  private static final Duration BUSY = Duration.ofSeconds(1);
  private static final Duration IDLE = Duration.ofSeconds(30);

  private final Db db;
  private final Operations operations;
  private final Wakeups wakeups;
  private volatile Duration next = IDLE;
  private @Nullable Loop loop;

  Upkeep(Db db, Operations operations, Wakeups wakeups) {
    this.db = db;
    this.operations = operations;
    this.wakeups = wakeups;
  }

  public void start() {
    Loop keeping = Loop.start("clusters", () -> next, this::round);
    loop = keeping;
    wakeups.register(Chore.CLUSTERS, keeping::wake);
  }

  public void stop() {
    Loop keeping = loop;
    if (keeping != null) {
      keeping.stop();
    }
  }

  /** A cluster with something to come. */
  private record Pending(String name, boolean due, boolean draining, @Nullable Long dueInMillis) {}

  boolean round() throws SQLException {
    List<Pending> pending =
        db.list(
            """
            SELECT name, desired = 'DRAINING' AND drained_at IS NULL AS draining,
              coalesce(least(resume_at, drain_deadline) <= now(), false) AS due,
              (extract(epoch FROM least(resume_at, drain_deadline) - now()) * 1000)::bigint AS due_in
            FROM cluster
            WHERE removed_at IS NULL
              AND (resume_at IS NOT NULL OR desired = 'DRAINING' AND (drained_at IS NULL OR drain_deadline IS NOT NULL))
            """,
            row ->
                new Pending(
                    row.getString("name"),
                    row.getBoolean("due"),
                    row.getBoolean("draining"),
                    row.getObject("due_in", Long.class)));
    Duration wait = IDLE;
    for (Pending cluster : pending) {
      if (cluster.due() || cluster.draining()) {
        step(cluster.name());
      }
      Long dueIn = cluster.dueInMillis();
      if (cluster.draining()) {
        wait = BUSY;
      } else if (dueIn != null && dueIn < wait.toMillis()) {
        wait = Duration.ofMillis(Math.max(dueIn + 20, 20));
      }
    }
    next = wait;
    return false;
  }

  private void step(String name) throws SQLException {
    EnumSet<Chore> follows =
        db.call(
            tx -> {
              EnumSet<Chore> more = EnumSet.noneOf(Chore.class);
              ClusterRow cluster = ClusterRow.lock(tx, name).orElse(null);
              if (cluster == null) {
                return more;
              }
              if (isPast(cluster.resumeAt(), cluster)) {
                operations.activate(tx, cluster, null, "its time to resume had come");
                LOG.infof("cluster %s takes work again, as was asked for", name);
                more.addAll(EnumSet.of(Chore.PLACEMENT, Chore.RELAY));
                return more;
              }
              if (!cluster.desired().equals("DRAINING")) {
                return more;
              }
              if (cluster.unreleased() == 0) {
                if (operations.drained(tx, cluster, cluster.desiredBy())) {
                  LOG.infof("cluster %s is drained", name);
                  more.add(Chore.RELAY);
                }
                tx.update("UPDATE cluster SET drain_deadline = NULL WHERE name = ?", name);
              } else if (isPast(cluster.drainDeadline(), cluster)) {
                tx.update(
                    "UPDATE cluster SET drain_now = true, drain_deadline = NULL WHERE name = ?",
                    name);
                int interrupted = Operations.interrupt(tx, name);
                LOG.infof(
                    "cluster %s is not drained in time: %d attempts are interrupted and move",
                    name, interrupted);
                more.add(Chore.ATTEMPTS);
              }
              return more;
            });
    if (!follows.isEmpty()) {
      wakeups.changed(follows, List.of());
    }
  }

  private static boolean isPast(@Nullable Instant time, ClusterRow cluster) {
    return time != null && !time.isAfter(cluster.now());
  }
}
