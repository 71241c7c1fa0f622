package dev.grange.scheduler.lease;

import dev.grange.scheduler.FarmConfig;
import dev.grange.scheduler.Loop;
import dev.grange.store.Db;
import io.quarkus.runtime.ShutdownEvent;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Predicate;
import java.util.random.RandomGenerator;
import java.util.stream.Collectors;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Holds and renews this scheduler's leases.
 *
 * <p>A lease says who <em>should</em> look after something; it does not keep the last holder from
 * trying, who may have been stopped past its lease and not know it. What keeps it out is the epoch:
 * taking over raises it and stamps it on every unreleased attempt of the cluster in the same
 * transaction, and every transition is conditional on the epoch of the row that it writes.
 *
 * <p>Only the database's clock is asked.
 */
@ApplicationScoped
public class Leases {
  /** Whoever holds it publishes the outbox. */
  public static final String RELAY = "relay";

  private static final String CLUSTER = "cluster:";
  private static final Logger LOG = Logger.getLogger(Leases.class);

  /** Takes what is free, renews what is ours, leaves what is another's. */
  private static final String HOLD =
      """
      INSERT INTO lease AS l (name, holder, epoch, expires_at)
      SELECT name, ?, 1, clock_timestamp() + make_interval(secs => ?) FROM unnest(?) AS wanted(name) ORDER BY name
      ON CONFLICT (name) DO UPDATE
        SET holder = EXCLUDED.holder,
            epoch = l.epoch + CASE WHEN l.holder = EXCLUDED.holder THEN 0 ELSE 1 END,
            expires_at = EXCLUDED.expires_at
        WHERE l.holder = EXCLUDED.holder OR l.expires_at < clock_timestamp()
      RETURNING name, epoch
      """;

  private final Db db;
  private final String holder;
  private final Duration duration;
  private final Map<String, Long> held = new ConcurrentHashMap<>();
  private final Set<String> wanted = ConcurrentHashMap.newKeySet();
  private final List<Runnable> listeners = new CopyOnWriteArrayList<>();
  private volatile Duration next;
  private volatile boolean alone;
  private @Nullable Loop loop;

  Leases(Db db, FarmConfig farm, LeaseConfig config, RandomGenerator random) {
    this.db = db;
    this.duration = config.duration();
    this.holder =
        farm.instance().orElse("scheduler")
            + "-"
            + ProcessHandle.current().pid()
            + "-"
            + HexFormat.of().toHexDigits(random.nextLong());
    wanted.add(RELAY);
    // says that this scheduler lives: what it has claimed for itself is free when this runs out
    wanted.add("scheduler:" + holder);
    this.next = duration.dividedBy(3);
  }

  public static String ofCluster(String cluster) {
    return CLUSTER + cluster;
  }

  /** This scheduler's name as leases and claims write it: unique for each start. */
  public String holder() {
    return holder;
  }

  /**
   * Asks for the leases of these clusters from now on, and of no others: what is held of another is
   * not renewed, and runs out by itself.
   */
  public void want(Set<String> clusters) {
    Set<String> names = clusters.stream().map(Leases::ofCluster).collect(Collectors.toSet());
    Predicate<String> unwanted = name -> name.startsWith(CLUSTER) && !names.contains(name);
    wanted.removeIf(unwanted);
    held.keySet().removeIf(unwanted);
    Loop renewing = loop;
    if (wanted.addAll(names) && renewing != null) {
      renewing.wake();
    }
  }

  /**
   * Calls {@code listener} when a lease was taken, on the renewing thread: it must only hand on.
   */
  public void onTaken(Runnable listener) {
    listeners.add(listener);
  }

  public void start() {
    loop = Loop.start("leases", () -> next, this::renew);
  }

  void stop(@Observes ShutdownEvent event) {
    Loop renewing = loop;
    if (renewing != null) {
      renewing.stop();
    }
  }

  /** Gives the leases up, so that nobody has to wait until they expire. */
  public void release() throws SQLException {
    stop(new ShutdownEvent());
    held.clear();
    int _ =
        db.update(
            """
            UPDATE lease SET expires_at = clock_timestamp()
            WHERE name IN (SELECT name FROM lease WHERE holder = ? ORDER BY name FOR UPDATE)
            """,
            holder);
  }

  /**
   * Whether this scheduler held the lease when it last asked. Good enough to begin something; what
   * is written is fenced.
   */
  public boolean holds(String name) {
    return held.containsKey(name);
  }

  /** Whether no other scheduler was there when it last asked. */
  public boolean isAlone() {
    return alone;
  }

  /** The clusters that this scheduler held when it last asked. */
  public List<String> clusters() {
    return held.keySet().stream()
        .filter(n -> n.startsWith(CLUSTER))
        .map(n -> n.substring(CLUSTER.length()))
        .sorted()
        .toList();
  }

  boolean renew() throws SQLException {
    record Held(String name, long epoch) {}
    List<Held> taken = new ArrayList<>();
    List<Held> now =
        db.call(
            tx -> {
              taken.clear();
              List<Held> mine =
                  tx.list(
                      HOLD,
                      row -> new Held(row.getString("name"), row.getLong("epoch")),
                      holder,
                      duration.toMillis() / 1000.0,
                      wanted);
              for (Held lease : mine) {
                Long before = held.get(lease.name());
                if (before == null || before != lease.epoch()) {
                  stamp(tx, lease.name(), lease.epoch());
                  taken.add(lease);
                }
              }
              // not in a transaction of its own: an idle farm asks little
              next = lookAround(tx);
              return mine;
            });
    Set<String> names = ConcurrentHashMap.newKeySet();
    for (Held lease : now) {
      names.add(lease.name());
      held.put(lease.name(), lease.epoch());
    }
    held.keySet()
        .removeIf(
            name -> {
              boolean lost = !names.contains(name);
              if (lost) {
                LOG.warnf("lease %s is another scheduler's now", name);
              }
              return lost;
            });
    if (!taken.isEmpty()) {
      LOG.infof("took %s", taken);
      listeners.forEach(Runnable::run);
    }
    return false;
  }

  /**
   * Looks for other schedulers.
   *
   * @return the time to the next renewal: a third of the lease, or less if another's lease runs out
   *     before
   */
  private Duration lookAround(Db.Tx tx) throws SQLException {
    record Others(boolean none, long leftMillis) {}
    Others others =
        tx.first(
                """
                SELECT count(*) FILTER (WHERE expires_at > clock_timestamp()) = 0 AS none,
                  (extract(epoch FROM min(expires_at) FILTER (WHERE name = ANY(?)) - clock_timestamp()) * 1000)::bigint AS left_ms
                FROM lease WHERE holder <> ?
                """,
                row -> new Others(row.getBoolean("none"), row.getLong("left_ms")),
                wanted,
                holder)
            .orElseThrow();
    alone = others.none();
    Duration usual = duration.dividedBy(3);
    // a moment more, so that it has run out by then; nothing to wait for if nobody else holds any
    Duration foreign = Duration.ofMillis(Math.max(0, others.leftMillis()) + 20);
    return !alone && foreign.compareTo(usual) < 0 && others.leftMillis() > 0 ? foreign : usual;
  }

  /** Forgets schedulers that have been gone for long. */
  public void tidy() throws SQLException {
    int _ =
        db.update(
            "DELETE FROM lease WHERE name LIKE 'scheduler:%' AND expires_at < now() - interval"
                + " '1 hour'");
  }

  /**
   * From here on the last holder's transitions of these attempts write nothing. Each epoch is
   * raised, and not only set: whoever took an abandoned attempt has raised it past the lease's.
   */
  private static void stamp(Db.Tx tx, String name, long epoch) throws SQLException {
    if (name.startsWith(CLUSTER)) {
      tx.update(
          "UPDATE attempt SET epoch = greatest(?, epoch + 1) WHERE cluster = ? AND released_at IS"
              + " NULL",
          epoch,
          name.substring(CLUSTER.length()));
    }
  }
}
