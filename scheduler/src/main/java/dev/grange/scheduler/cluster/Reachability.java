package dev.grange.scheduler.cluster;

import dev.grange.events.ClusterEvents;
import dev.grange.scheduler.FarmConfig;
import dev.grange.scheduler.Wakeups;
import dev.grange.scheduler.Wakeups.Chore;
import dev.grange.store.Db;
import dev.grange.store.Outbox;
import jakarta.enterprise.context.ApplicationScoped;
import java.sql.SQLException;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import org.jboss.logging.Logger;

/**
 * Writes down whether clusters answer. One error puts off new work for a moment, a longer one with
 * each that follows; {@value #UNREACHABLE_AFTER} in a row make the cluster unreachable. It is never
 * given up: the first answer makes all of it good.
 */
@ApplicationScoped
public class Reachability {
  /** Errors in a row. */
  static final int UNREACHABLE_AFTER = 3;

  private static final Duration FIRST = Duration.ofSeconds(2);
  private static final Duration LONGEST = Duration.ofMinutes(2);
  private static final Logger LOG = Logger.getLogger(Reachability.class);

  private final Db db;
  private final Wakeups wakeups;
  private final String farm;

  Reachability(Db db, Wakeups wakeups, FarmConfig farm) {
    this.db = db;
    this.wakeups = wakeups;
    this.farm = farm.name();
  }

  /** It answers. Call it when that is news: it is a transaction. */
  public void reached(String name) throws SQLException {
    boolean changed =
        db.call(
            tx -> {
              ClusterRow cluster = ClusterRow.lock(tx, name).orElse(null);
              if (cluster == null) {
                return false;
              }
              int written =
                  tx.update(
                      """
                      UPDATE cluster SET reachable = true, errors = 0, not_before = NULL, last_error = NULL,
                        reachable_changed_at = CASE WHEN reachable THEN reachable_changed_at ELSE now() END
                      WHERE name = ? AND (reachable IS NOT TRUE OR errors > 0)
                      """,
                      name);
              if (!Objects.equals(cluster.reachable(), true)) {
                Outbox.append(tx, ClusterEvents.reachable(farm, cluster.facts(), cluster.now()));
                LOG.infof("cluster %s is reachable", name);
              }
              return written > 0;
            });
    if (changed) {
      wakeups.changed(EnumSet.of(Chore.PLACEMENT, Chore.RECONCILIATION, Chore.RELAY), List.of());
    }
  }

  /**
   * It did not answer, or not as it should.
   *
   * @param why for operators: without secrets
   */
  public void failed(String name, String why) throws SQLException {
    boolean changed =
        db.call(
            tx -> {
              ClusterRow cluster = ClusterRow.lock(tx, name).orElse(null);
              if (cluster == null) {
                return false;
              }
              // Many attempts fail at once when a cluster goes: what fails while it rests does not
              // count again.
              tx.update(
                  """
                  UPDATE cluster SET errors = errors + 1, last_error = ?,
                    not_before = now() + least(make_interval(secs => ?) * power(2, least(errors, 20)), make_interval(secs => ?))
                  WHERE name = ? AND (not_before IS NULL OR not_before <= now())
                  """,
                  why,
                  (double) FIRST.toSeconds(),
                  (double) LONGEST.toSeconds(),
                  name);
              boolean news =
                  tx.update(
                          """
                          UPDATE cluster SET reachable = false, reachable_changed_at = now(), last_error = ?
                          WHERE name = ? AND reachable IS NOT FALSE AND (reachable IS NULL OR errors >= ?)
                          """,
                          why,
                          name,
                          UNREACHABLE_AFTER)
                      > 0;
              if (news) {
                Outbox.append(
                    tx, ClusterEvents.unreachable(farm, cluster.facts(), why, cluster.now()));
                LOG.warnf("cluster %s is not reachable: %s", name, why);
              }
              return news;
            });
    if (changed) {
      wakeups.changed(EnumSet.of(Chore.PLACEMENT, Chore.RELAY), List.of());
    }
  }
}
