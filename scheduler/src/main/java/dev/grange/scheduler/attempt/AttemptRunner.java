package dev.grange.scheduler.attempt;

import dev.grange.domain.worker.Verdict;
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
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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
  private static final Duration IDLE = Duration.ofSeconds(30);
  private static final Duration BUSY = Duration.ofSeconds(5);

  private final Db db;
  private final Attempts attempts;
  private final Clusters clusters;
  private final Leases leases;
  private final Indexer indexer;
  private final Wakeups wakeups;
  private final AttemptConfig config;
  private final AttemptTask.Tools tools;
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
    this.clusters = clusters;
    this.leases = leases;
    this.indexer = indexer;
    this.wakeups = wakeups;
    this.config = config;
    this.tools = new AttemptTask.Tools(attempts, jobs, registries, config);
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
      // once in a process's life, at its end: not worth a signal from every task
      Thread.sleep(20);
    }
  }

  /** Takes on attempts that placement has just committed for clusters that this scheduler holds. */
  public void takeOn(List<Attempt> placed) {
    for (Attempt attempt : placed) {
      if (leases.holds(Leases.ofCluster(attempt.cluster()))) {
        begin(attempt, true);
      }
    }
  }

  boolean round() throws SQLException {
    List<String> held = leases.clusters();
    List<Attempt> unreleased = attempts.unreleased(held);
    for (Attempt attempt : unreleased) {
      AttemptTask task = tasks.get(attempt.id());
      if (task == null) {
        begin(attempt, false);
      } else if (task.attempt().epoch() != attempt.epoch()) {
        // the lease was lost and won back in between: the task's fence is out of date
        task.abandon();
      }
    }
    for (AttemptTask task : tasks.values()) {
      String cluster = task.attempt().cluster();
      // of another configuration now: the next round takes the attempt on by that
      boolean stale = !clusters.gateway(cluster).equals(Optional.of(task.gateway()));
      if (!held.contains(cluster) || stale) {
        task.abandon();
      }
    }
    for (Attempts.Order order : attempts.orders(new ArrayList<>(tasks.keySet()))) {
      AttemptTask task = tasks.get(order.id());
      String why = order.stop() != null ? order.stop() : "TIMED_OUT";
      if (task != null) {
        task.stop(why, order.stop() != null);
      }
    }
    return false;
  }

  /** Ends attempts on clusters that no scheduler looks after any more, when they are due. */
  public void endAbandoned() throws SQLException {
    for (Attempt attempt : attempts.takeAbandoned()) {
      LOG.warnf(
          "attempt %s: no scheduler has looked after cluster %s for a while, and the attempt is"
              + " due: it ends here",
          attempt.id(), attempt.cluster());
      try {
        Attempts.Ended ended =
            attempts.end(attempt, Verdict.lost(), null, null, null, Duration.ZERO);
        wakeups.changed(EnumSet.of(Chore.PLACEMENT, Chore.RELAY), ended.builds());
      } catch (Fenced e) {
        LOG.infof("%s", e.getMessage());
      }
    }
  }

  /** Has its task at once, so that an order to stop finds it. */
  private void begin(Attempt attempt, boolean fresh) {
    Optional<ClusterGateway> gateway = clusters.gateway(attempt.cluster());
    if (stopping || gateway.isEmpty()) {
      return;
    }
    AttemptTask task =
        new AttemptTask(
            attempt,
            fresh,
            gateway.get(),
            new AttemptLog(db, attempt, fresh, config.maxLogBytes()),
            tools);
    if (tasks.putIfAbsent(attempt.id(), task) == null) {
      byPod.put(attempt.podName(), task);
      Thread.ofVirtual()
          .name("attempt-" + attempt.id())
          .start(() -> run(attempt, task, gateway.get()));
    }
  }

  private void run(Attempt attempt, AttemptTask task, ClusterGateway gateway) {
    try {
      Optional<Attempts.Ended> ended = task.run();
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
      if (gateway.keepFailed().isZero() || !attempts.keepsPod(attempt)) {
        gateway.discard(attempt.podName());
      }
    } catch (ClusterException e) {
      LOG.warnf("attempt %s has ended and is removed later: %s", attempt.id(), e.getMessage());
    }
  }
}
