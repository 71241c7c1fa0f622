package dev.grange.scheduler.attempt;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.grange.domain.build.AttemptState;
import dev.grange.domain.build.Failure;
import dev.grange.domain.build.Reason;
import dev.grange.domain.worker.Verdict;
import dev.grange.domain.worker.WorkerResult;
import dev.grange.registry.Digests;
import dev.grange.registry.Manifest;
import dev.grange.registry.Registry;
import dev.grange.registry.RegistryException;
import dev.grange.scheduler.Registries;
import dev.grange.scheduler.cluster.ClusterException;
import dev.grange.scheduler.cluster.ClusterGateway;
import dev.grange.scheduler.cluster.PodView;
import dev.grange.scheduler.cluster.PodView.Phase;
import java.io.IOException;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Looks after one attempt from its pod's creation to its end, on a thread of its own. It keeps
 * nothing that is not in the database or in the cluster: another scheduler's task goes on where
 * this one was killed.
 *
 * <p>It waits for signals (the pod changed, somebody wants it stopped) and looks by itself now and
 * then, since a signal may be missed.
 */
final class AttemptTask {
  private static final Logger LOG = Logger.getLogger(AttemptTask.class);
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration LOOK = Duration.ofSeconds(5);
  private static final Duration LOG_PAUSE = Duration.ofMillis(100);
  private static final Duration LOOK_PAUSE = Duration.ofMillis(5);
  private static final Duration START_PAUSE = Duration.ofSeconds(1);
  private static final int MAX_WAITS = 60;

  /** How long after a pod's end its log may come. */
  private static final Duration LOG_LATE = Duration.ofSeconds(20);

  private static final int TRIES = 5;

  /** How long a cluster that does not answer may hold up what might as well begin on another. */
  private static final Duration CREATE_PATIENCE = Duration.ofSeconds(15);

  /** How long the registry may be away before a push that it has taken counts as failed. */
  private static final int VERIFY_TRIES = 30;

  private final Attempt attempt;
  private final ClusterGateway gateway;
  private final Attempts attempts;
  private final Jobs jobs;
  private final Registries registries;
  private final AttemptLog log;
  private final boolean fresh;
  private final Duration stopGrace;
  private final Duration startLimit;
  private final Duration unreachableLimit;
  private final Semaphore signals = new Semaphore(0);
  private volatile @Nullable String stop;
  private volatile boolean stopAsked;
  private volatile boolean abandoned;
  private long lastStop;
  private long lastEnsure;
  private int waits;
  private long unreachable;
  private long ended;
  private boolean scheduled;
  private boolean building;
  private boolean behind;
  private long lastCopy;
  private long lastLook;

  /** What a task needs besides its attempt: the same for all. */
  record Tools(Attempts attempts, Jobs jobs, Registries registries, AttemptConfig config) {}

  /**
   * A task that has not begun.
   *
   * @param fresh whether the row was read in the transaction that wrote it; otherwise it may be out
   *     of date, and is read again
   */
  AttemptTask(Attempt attempt, boolean fresh, ClusterGateway gateway, AttemptLog log, Tools tools) {
    this.attempt = attempt;
    this.fresh = fresh;
    this.gateway = gateway;
    this.log = log;
    this.attempts = tools.attempts();
    this.jobs = tools.jobs();
    this.registries = tools.registries();
    this.stopGrace = tools.config().stopGrace();
    this.startLimit = tools.config().startLimit();
    this.unreachableLimit = tools.config().unreachableLimit();
    this.building =
        attempt.state() != AttemptState.ASSIGNED && attempt.state() != AttemptState.PREPARED;
  }

  Attempt attempt() {
    return attempt;
  }

  ClusterGateway gateway() {
    return gateway;
  }

  /** Something about the pod may have changed. */
  void signal() {
    signals.release();
  }

  /**
   * The worker is to be ended.
   *
   * @param recorded whether the attempt's row says so already
   */
  void stop(String why, boolean recorded) {
    if (stop == null) {
      stopAsked = recorded;
      stop = why;
      signal();
    }
  }

  /** Lets go of the attempt without ending it: whoever holds the cluster's lease next goes on. */
  void abandon() {
    abandoned = true;
    signal();
  }

  /**
   * Runs until the attempt has ended.
   *
   * @return what its end leads to; empty when it was abandoned
   */
  Optional<Attempts.Ended> run() throws SQLException, Fenced, InterruptedException {
    if (!fresh) {
      // Between the reading of the row and now, an earlier task may have ended the attempt and
      // removed its pod: it must not be
      // made again.
      attempts.requireOurs(attempt);
    }
    String uid = attempt.podUid();
    if (uid == null) {
      if (stop != null) {
        return remove(stopped(), null, null);
      }
      try {
        uid = create();
      } catch (ClusterException e) {
        if (abandoned) {
          return Optional.empty();
        }
        return remove(
            new Verdict.Failed(new Failure(e.reason(), String.valueOf(e.getMessage()))),
            null,
            null);
      }
    }
    return follow(uid);
  }

  private static Verdict stopped() {
    return new Verdict.Interrupted(new Failure(Reason.DRAINED, "it was stopped before it began"));
  }

  /** Creates the pod, or finds it: whether an earlier try has worked is not known. */
  private String create() throws SQLException, Fenced, ClusterException, InterruptedException {
    long began = System.nanoTime();
    for (int tries = 1; ; tries++) {
      try {
        String uid = gateway.ensure(jobs.of(attempt));
        lastEnsure = System.nanoTime();
        boolean runs = gateway.startsAtOnce();
        attempts.prepared(attempt, uid, runs);
        building = runs;
        return uid;
      } catch (ClusterException e) {
        boolean late = System.nanoTime() - began > CREATE_PATIENCE.toNanos();
        if (tries == TRIES || late || stop != null || abandoned) {
          throw e;
        }
        LOG.warnf("attempt %s: %s", attempt.id(), e.getMessage());
        TimeUnit.MILLISECONDS.sleep(200L << tries);
      }
    }
  }

  private Optional<Attempts.Ended> follow(String uid)
      throws SQLException, Fenced, InterruptedException {
    int troubles = 0;
    while (!abandoned) {
      try {
        PodView view =
            gateway.see(attempt.podName()).filter(pod -> pod.uid().equals(uid)).orElse(null);
        Phase phase = view == null ? Phase.LOST : view.phase();
        switch (phase) {
          case ENDED, LOST -> {
            if (copyLastOfLog(view)) {
              return conclude(view, uid);
            }
          }
          case WAITING -> {
            if (stop != null) {
              recordStop(stop);
              return remove(stopped(), view, uid);
            }
            Verdict hopeless = hopeless(view);
            if (hopeless != null) {
              return remove(hopeless, view, uid);
            }
            if (view != null && view.waiting() != null) {
              scheduled(view);
              // its Secret, if whoever made the pod died before it made that
              again();
            } else if (!startAgain()) {
              return remove(
                  new Verdict.Failed(
                      new Failure(
                          Reason.WORKER_BROKEN,
                          "its worker did not begin, however often it was started")),
                  view,
                  uid);
            }
          }
          case RUNNING -> {
            if (!building) {
              attempts.building(attempt, node(view));
              building = true;
            }
            if (elapsedSinceCopy().compareTo(LOG_PAUSE) >= 0) {
              copyLog();
            } else {
              behind = true;
            }
            stopWorker();
          }
        }
        troubles = 0;
        unreachable = 0;
        await(
            switch (phase) {
              case RUNNING -> LOOK;
              case WAITING -> START_PAUSE;
              case ENDED, LOST -> LOG_PAUSE;
            });
      } catch (ClusterException e) {
        troubles++;
        if (troubles == 1) {
          LOG.warnf("attempt %s waits for its cluster: %s", attempt.id(), e.getMessage());
        }
        Optional<Attempts.Ended> given = giveUp(e, uid);
        if (given.isPresent()) {
          return given;
        }
        TimeUnit.MILLISECONDS.sleep(Math.min(5000, 200L << Math.min(troubles, 5)));
      }
    }
    return Optional.empty();
  }

  /**
   * A pod that was made and whose worker has not begun: it is about to, or whoever made it died in
   * between.
   *
   * @return false when that has been so for too long
   */
  private boolean startAgain() throws ClusterException, SQLException {
    if (System.nanoTime() - lastEnsure < START_PAUSE.toNanos()) {
      return true;
    }
    lastEnsure = System.nanoTime();
    String _ = gateway.ensure(jobs.of(attempt));
    waits++;
    return waits <= MAX_WAITS;
  }

  private void again() throws ClusterException, SQLException {
    if (System.nanoTime() - lastEnsure >= LOOK.toNanos()) {
      lastEnsure = System.nanoTime();
      String _ = gateway.ensure(jobs.of(attempt));
    }
  }

  /** Where it will run, as soon as that is known: from then on its node is what it waits for. */
  private void scheduled(PodView view) throws SQLException, Fenced {
    if (!scheduled && view.node() != null) {
      attempts.scheduled(attempt, view.node());
      scheduled = true;
    }
  }

  /** The verdict on a pod whose worker will not begin; null while it may. */
  private @Nullable Verdict hopeless(@Nullable PodView view) {
    return view == null || view.waiting() == null
        ? null
        : view.waiting().verdict(startLimit).orElse(null);
  }

  /**
   * Gives an attempt up whose cluster has not answered for long: it is moved. If its worker still
   * runs, nobody believes it: what it pushes lies in a repository that no build looks at, and it is
   * removed when the cluster is back.
   */
  private Optional<Attempts.Ended> giveUp(ClusterException e, String uid)
      throws SQLException, Fenced {
    if (e.reason() != Reason.CLUSTER_UNREACHABLE) {
      return Optional.empty();
    }
    long now = System.nanoTime();
    if (unreachable == 0) {
      unreachable = now;
    }
    if (now - unreachable < unreachableLimit.toNanos()) {
      return Optional.empty();
    }
    log.gap();
    Failure failure =
        new Failure(
            Reason.NODE_LOST,
            "its cluster could not be reached for "
                + unreachableLimit.toSeconds()
                + " s: "
                + e.getMessage());
    return Optional.of(
        attempts.end(attempt, new Verdict.Interrupted(failure), null, null, uid, Duration.ZERO));
  }

  private Duration elapsedSinceCopy() {
    return Duration.ofNanos(System.nanoTime() - lastCopy);
  }

  /**
   * Copies the rest of the log of a pod that has ended.
   *
   * @return false while more of it may come
   */
  private boolean copyLastOfLog(@Nullable PodView view) throws SQLException, Fenced {
    if (view == null && !gateway.startsAtOnce()) {
      // nobody saw it go: whatever it had written since the last look went with it
      log.gap();
      return true;
    }
    if (ended == 0) {
      ended = System.nanoTime();
    }
    boolean late = System.nanoTime() - ended > LOG_LATE.toNanos();
    try {
      if (log.copy(gateway)) {
        return true;
      }
    } catch (ClusterException e) {
      LOG.debugf("attempt %s: %s", attempt.id(), e.getMessage());
    }
    if (late) {
      // its result is known: a log that its node does not hand out holds it up no longer
      log.gap();
    }
    return late;
  }

  private void copyLog() throws ClusterException, SQLException, Fenced {
    boolean _ = log.copy(gateway);
    lastCopy = System.nanoTime();
    behind = false;
  }

  /** Waits for a signal, but not longer than until the log may be copied again if it has grown. */
  private void await(Duration time) throws InterruptedException {
    Duration most = behind ? LOG_PAUSE.minus(elapsedSinceCopy()) : time;
    boolean _ = signals.tryAcquire(Math.max(1, most.toMillis()), TimeUnit.MILLISECONDS);
    // a worker that prints a lot signals a lot: one look is enough for all of it
    Duration sinceLook = Duration.ofNanos(System.nanoTime() - lastLook);
    if (sinceLook.compareTo(LOOK_PAUSE) < 0) {
      TimeUnit.NANOSECONDS.sleep(LOOK_PAUSE.minus(sinceLook).toNanos());
    }
    int _ = signals.drainPermits();
    lastLook = System.nanoTime();
  }

  private void recordStop(String why) throws SQLException, Fenced {
    if (!stopAsked) {
      attempts.askToStop(attempt, why);
      stopAsked = true;
    }
  }

  /** Stops the worker, and again now and then: a signal that came too early was not heard. */
  private void stopWorker() throws ClusterException, SQLException, Fenced {
    String why = stop;
    if (why == null || (lastStop != 0 && System.nanoTime() - lastStop < LOOK.toNanos())) {
      return;
    }
    recordStop(why);
    if (lastStop == 0) {
      LOG.infof("attempt %s is stopped: %s", attempt.id(), why);
    }
    lastStop = System.nanoTime();
    gateway.stop(attempt.podName(), stopGrace);
  }

  private Optional<Attempts.Ended> conclude(@Nullable PodView view, String uid)
      throws SQLException, Fenced, InterruptedException {
    Verdict verdict = verdict(view);
    Long size = null;
    if (verdict instanceof Verdict.Succeeded(String digest) && digest != null) {
      try {
        size = size(digest);
      } catch (RegistryException e) {
        if (abandoned) {
          // whether the image is there is not known: the next scheduler asks again
          return Optional.empty();
        }
        Reason reason =
            e.kind() == RegistryException.Kind.UNAUTHORIZED
                ? Reason.REGISTRY_AUTH
                : Reason.PUSH_FAILED;
        verdict =
            new Verdict.Failed(
                new Failure(
                    reason,
                    "the worker says that it pushed " + digest + ", but " + e.getMessage()));
      }
    }
    Duration keep =
        view == null || view.phase() == Phase.LOST ? Duration.ZERO : gateway.keepFailed();
    return Optional.of(attempts.end(attempt, verdict, size, node(view), uid, keep));
  }

  private static @Nullable String node(@Nullable PodView view) {
    return view == null ? null : view.node();
  }

  private Verdict verdict(@Nullable PodView view) {
    if (view == null) {
      return Verdict.lost();
    }
    WorkerResult result = parse(view.result());
    if (view.end() != null) {
      return view.end().verdict(attempt.build(), result);
    }
    return view.phase() == Phase.LOST
        ? Verdict.lost()
        : Verdict.of(attempt.build(), view.exit(), result);
  }

  /** Ends an attempt that has no worker, after whatever may be there of it was removed. */
  private Optional<Attempts.Ended> remove(
      Verdict verdict, @Nullable PodView view, @Nullable String uid)
      throws SQLException, Fenced, InterruptedException {
    // another scheduler's worker is not ours to remove
    attempts.requireOurs(attempt);
    for (int tries = 1; tries <= TRIES; tries++) {
      try {
        gateway.remove(attempt.podName());
        break;
      } catch (ClusterException e) {
        LOG.warnf("attempt %s: %s", attempt.id(), e.getMessage());
        if (e.reason() == Reason.CLUSTER_UNREACHABLE) {
          // its next try need not wait for that: the pod is swept when the cluster is back
          break;
        }
        TimeUnit.MILLISECONDS.sleep(200L << tries);
      }
    }
    return Optional.of(attempts.end(attempt, verdict, null, node(view), uid, Duration.ZERO));
  }

  /** Looks into the registry: exit status 0 is no proof that there is an image. */
  private long size(String digest) throws RegistryException, SQLException, InterruptedException {
    Registry candidate = registries.candidate();
    String repository = String.valueOf(attempt.repository());
    for (int tries = 1; ; tries++) {
      try {
        Manifest manifest = candidate.manifest(repository, digest).orElse(null);
        if (manifest == null) {
          throw candidate.missing(repository, digest);
        }
        long size = manifest.bytes().length;
        for (Manifest.Descriptor blob : manifest.blobs()) {
          size += blob.size();
        }
        return size;
      } catch (RegistryException e) {
        if (!e.retryable() || tries == VERIFY_TRIES || abandoned) {
          throw e;
        }
        TimeUnit.MILLISECONDS.sleep(Math.min(10_000, 100L << Math.min(tries, 10)));
      }
    }
  }

  /** What cannot be read is no result. */
  private static @Nullable WorkerResult parse(@Nullable String text) {
    if (text == null) {
      return null;
    }
    try {
      JsonNode node = JSON.readTree(text);
      String outcome = node.path("outcome").asText("");
      String digest = text(node, "digest");
      if (!outcome.equals("SUCCEEDED") && !outcome.equals("FAILED")) {
        return null;
      }
      return new WorkerResult(
          outcome.equals("SUCCEEDED"),
          digest != null && Digests.isDigest(digest) ? digest : null,
          text(node, "step"),
          text(node, "reason"),
          node.path("exit").isInt() ? node.path("exit").asInt() : null,
          text(node, "message"));
    } catch (IOException e) {
      return null;
    }
  }

  private static @Nullable String text(JsonNode node, String field) {
    return node.path(field).isTextual() ? node.path(field).asText() : null;
  }
}
