package dev.grange.scheduler;

import dev.grange.scheduler.Wakeups.Chore;
import dev.grange.scheduler.attempt.AttemptRunner;
import dev.grange.scheduler.build.IndexClaim;
import dev.grange.scheduler.build.Indexer;
import dev.grange.scheduler.cluster.Checks;
import dev.grange.scheduler.cluster.Clusters;
import dev.grange.scheduler.cluster.Sweeper;
import dev.grange.scheduler.cluster.Upkeep;
import dev.grange.scheduler.cluster.local.LocalConfig;
import dev.grange.scheduler.lease.Leases;
import dev.grange.scheduler.placement.PlacementRound;
import dev.grange.scheduler.relay.OutboxRelay;
import dev.grange.scheduler.release.Promoter;
import dev.grange.scheduler.request.Requests;
import dev.grange.store.HintListener;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.annotation.Priority;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.interceptor.Interceptor;
import java.sql.SQLException;
import java.time.Duration;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Starts and stops the scheduler's loops in order, and does now and then what nobody asked for:
 * finds what a scheduler that died left half done, and goes on with it. After a restart that is the
 * first thing that happens; there is no other recovery.
 */
@ApplicationScoped
public class Scheduler {
  private static final Logger LOG = Logger.getLogger(Scheduler.class);
  private static final Duration RECONCILE = Duration.ofSeconds(30);

  private final Leases leases;
  private final Clusters clusters;
  private final Sweeper sweeper;
  private final AttemptRunner runner;
  private final PlacementRound placement;
  private final Requests requests;
  private final Upkeep upkeep;
  private final Checks checks;
  private final Indexer indexer;
  private final Promoter promoter;
  private final OutboxRelay relay;
  private final HintListener hints;
  private final Wakeups wakeups;
  private final LocalConfig local;
  private final Duration drain;
  private @Nullable Loop reconciling;
  private @Nullable Loop promoting;

  Scheduler(
      Leases leases,
      Clusters clusters,
      Sweeper sweeper,
      AttemptRunner runner,
      PlacementRound placement,
      Requests requests,
      Upkeep upkeep,
      Checks checks,
      Indexer indexer,
      Promoter promoter,
      OutboxRelay relay,
      HintListener hints,
      Wakeups wakeups,
      LocalConfig local,
      DrainConfig drain) {
    this.leases = leases;
    this.clusters = clusters;
    this.sweeper = sweeper;
    this.runner = runner;
    this.placement = placement;
    this.requests = requests;
    this.upkeep = upkeep;
    this.checks = checks;
    this.indexer = indexer;
    this.promoter = promoter;
    this.relay = relay;
    this.hints = hints;
    this.wakeups = wakeups;
    this.local = local;
    this.drain = drain.patience();
  }

  void start(@Observes StartupEvent event) {
    hints.register(
        word -> {
          if (word.equals(HintListener.RESYNC)) {
            wakeups.everything();
          } else {
            wakeups.heard(word);
          }
        });
    leases.start();
    runner.start();
    placement.start();
    requests.start();
    upkeep.start();
    checks.start();
    relay.start();
    Loop promotion = Loop.start("promotion", RECONCILE, this::promote);
    promoting = promotion;
    wakeups.register(Chore.PROMOTION, promotion::wake);
    Loop reconciliation = Loop.start("reconciliation", RECONCILE, this::reconcile);
    reconciling = reconciliation;
    wakeups.register(Chore.RECONCILIATION, reconciliation::wake);
    leases.onTaken(
        () -> {
          wakeups.everything();
          reconciliation.wake();
        });
    LOG.infof("scheduler %s looks after its clusters", leases.holder());
  }

  /** Before everything else stops: the work that runs still needs all of it. */
  void stop(@Observes @Priority(Interceptor.Priority.PLATFORM_BEFORE) ShutdownEvent event) {
    placement.stop();
    stop(reconciling);
    try {
      if (runner.running() > 0) {
        LOG.infof(
            "%d attempts are running; waiting for them for at most %s", runner.running(), drain);
      }
      runner.stop(local.stopWorkersAtShutdown(), drain);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    requests.stop();
    upkeep.stop();
    checks.stop();
    stop(promoting);
    relay.stop();
    try {
      leases.release();
    } catch (SQLException e) {
      LOG.warnf("the leases were not given up and run out by themselves: %s", e.getMessage());
    }
  }

  private static void stop(@Nullable Loop loop) {
    if (loop != null) {
      loop.stop();
    }
  }

  private boolean promote() throws SQLException {
    for (Promoter.Claim claim : promoter.claim()) {
      try {
        promoter.promote(claim);
      } catch (RuntimeException e) {
        LOG.errorf(e, "release %s", claim.release());
      }
    }
    return false;
  }

  private boolean reconcile() throws SQLException {
    clusters.refresh();
    int expired = placement.expire();
    if (expired > 0) {
      LOG.infof("%d executions waited longer than they may", expired);
    }
    runner.endAbandoned();
    for (IndexClaim claim : indexer.claimAbandoned()) {
      indexer.make(claim);
    }
    sweeper.sweep();
    leases.tidy();
    return false;
  }
}
