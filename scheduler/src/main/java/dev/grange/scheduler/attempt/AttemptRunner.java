package dev.grange.scheduler.attempt;

import dev.grange.scheduler.Loop;
import dev.grange.scheduler.Registries;
import dev.grange.scheduler.Wakeups;
import dev.grange.scheduler.Wakeups.Chore;
import dev.grange.scheduler.build.IndexClaim;
import dev.grange.scheduler.build.Indexer;
import dev.grange.scheduler.cluster.ClusterException;
import dev.grange.scheduler.cluster.ClusterGateway;
import dev.grange.scheduler.cluster.Clusters;
import dev.grange.scheduler.lease.Leases;
import dev.grange.store.Db;
import jakarta.enterprise.context.ApplicationScoped;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Has a task for every attempt that holds a slot on a cluster whose lease this scheduler holds:
 * those that placement has just made, and those that another scheduler left behind. What is in the
 * database decides; the tasks in memory only follow it.
 */
@ApplicationScoped
public class AttemptRunner {
  private static final Logger LOG = Logger.getLogger(AttemptRunner.class);
  private static final Duration IDLE = Duration.ofSeconds(15);
  private static final Duration BUSY = Duration.ofSeconds(5);

  private final Db db;
  private final Attempts attempts;
  private final Jobs jobs;
  private final Clusters clusters;
  private final Leases leases;
  private final Registries registries;
  private final Indexer indexer;
  private final Wakeups wakeups;
  private final AttemptConfig config;
  private final Map<UUID, AttemptTask> tasks = new ConcurrentHashMap<>();
  private final Map<String, AttemptTask> byPod = new ConcurrentHashMap<>();
  private @Nullable Loop loop;
  private volatile boolean stopping;

  AttemptRunner(
      Db db,
      Attempts attempts,
      Jobs jobs,
      Clusters clusters,
      Leases leases,
      Registries registries,
      Indexer indexer,
      Wakeups wakeups,
      AttemptConfig config) {
    this.db = db;
    this.attempts = attempts;
    this.jobs = jobs;
    this.clusters = clusters;
    this.leases = leases;
    this.registries = registries;
    this.indexer = indexer;
    this.wakeups = wakeups;
    this.config = config;
  }

  public void start() {
    clusters.watch(
        pod -> {
          AttemptTask task = byPod.get(pod);
          if (task != null) {
            task.signal();
          }
        });
    Loop running = Loop.start("attempts", () -> tasks.isEmpty() ? IDLE : BUSY, this::round);
    loop = running;
    leases.onTaken(running::wake);
    wakeups.register(Chore.ATTEMPTS, running::wake);
  }

  /** Attempts that this scheduler looks after now. */
  public int running() {
    return tasks.size();
  }

  /**
   * Takes on no more.
   *
   * @param end whether workers that run are ended and their attempts moved, or left for the next
   *     scheduler
   * @param patience how long they may take to end by themselves first
   */
  public void stop(boolean end, Duration patience) throws InterruptedException {
    stopping = true;
    awaitEmpty(patience);
    if (end) {
      tasks.values().forEach(task -> task.stop("DRAINED", false));
      awaitEmpty(config.stopGrace().plusSeconds(5));
    }
    Loop running = loop;
    if (running != null) {
      running.stop();
    }
    tasks.values().forEach(AttemptTask::abandon);
    awaitEmpty(Duration.ofSeconds(2));
  }

  private void awaitEmpty(Duration patience) throws InterruptedException {
    long until = System.nanoTime() + patience.toNanos();
    while (!tasks.isEmpty() && System.nanoTime() < until) {
      Thread.sleep(20);
    }
  }

  /** Takes on attempts that placement has just committed for clusters that this scheduler holds. */
  public void takeOn(List<Attempt> placed) {
    for (Attempt attempt : placed) {
      if (leases.holds(Leases.ofCluster(attempt.cluster()))) {
        begin(attempt);
      }
    }
  }

  boolean round() throws SQLException {
    List<Attempt> unreleased = attempts.unreleased(leases.clusters());
    Set<UUID> known = new HashSet<>();
    for (Attempt attempt : unreleased) {
      known.add(attempt.id());
      AttemptTask task = tasks.get(attempt.id());
      if (task == null) {
        begin(attempt);
      } else if (task.attempt().epoch() != attempt.epoch()) {
        // the lease was lost and won back in between: the task's fence is out of date
        task.abandon();
      }
    }
    for (Attempts.Order order : attempts.orders(new ArrayList<>(known))) {
      AttemptTask task = tasks.get(order.id());
      String why = order.stop() != null ? order.stop() : "TIMED_OUT";
      if (task != null) {
        task.stop(why, order.stop() != null);
      }
    }
    return false;
  }

  private void begin(Attempt attempt) {
    if (stopping) {
      return;
    }
    Optional<ClusterGateway> gateway = clusters.gateway(attempt.cluster());
    if (gateway.isEmpty()) {
      return;
    }
    Thread.ofVirtual().name("attempt-" + attempt.id()).start(() -> run(attempt, gateway.get()));
  }

  private void run(Attempt attempt, ClusterGateway gateway) {
    AttemptTask task;
    try {
      task =
          new AttemptTask(
              attempt,
              gateway,
              attempts,
              jobs,
              registries.candidate(),
              new AttemptLog(db, attempt, config.maxLogBytes()),
              config.stopGrace(),
              nodeName());
    } catch (SQLException e) {
      LOG.warnf("attempt %s is taken on later: %s", attempt.id(), e.getMessage());
      return;
    }
    if (tasks.putIfAbsent(attempt.id(), task) != null) {
      return;
    }
    byPod.put(attempt.podName(), task);
    try {
      Optional<Attempts.Ended> ended = task.run();
      forget(attempt);
      if (ended.isPresent()) {
        carryOn(attempt, gateway, ended.get());
      }
    } catch (Fenced e) {
      LOG.infof("%s", e.getMessage());
    } catch (SQLException e) {
      // the next round takes it on again
      LOG.warnf("attempt %s: %s", attempt.id(), e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      LOG.errorf(e, "attempt %s", attempt.id());
    } finally {
      forget(attempt);
    }
  }

  private void forget(Attempt attempt) {
    tasks.remove(attempt.id());
    byPod.remove(attempt.podName());
  }

  private void carryOn(Attempt attempt, ClusterGateway gateway, Attempts.Ended ended)
      throws SQLException {
    // a slot is free; a test's end may be a release's beginning
    wakeups.changed(
        attempt.build()
            ? EnumSet.of(Chore.PLACEMENT, Chore.RELAY)
            : EnumSet.of(Chore.PLACEMENT, Chore.RELAY, Chore.PROMOTION),
        ended.builds());
    ended.retryIn().ifPresent(delay -> wakeups.later(Chore.PLACEMENT, delay.plusMillis(20)));
    for (IndexClaim claim : ended.indexes()) {
      indexer.make(claim);
    }
    try {
      gateway.remove(attempt.podName());
    } catch (ClusterException e) {
      LOG.warnf("attempt %s has ended and is removed later: %s", attempt.id(), e.getMessage());
    }
  }

  private static @Nullable String nodeName() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      return null;
    }
  }
}
