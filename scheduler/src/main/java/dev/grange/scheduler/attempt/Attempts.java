package dev.grange.scheduler.attempt;

import dev.grange.domain.build.AttemptState;
import dev.grange.domain.build.Failure;
import dev.grange.domain.build.Fault;
import dev.grange.domain.build.Reason;
import dev.grange.domain.build.RetryRule;
import dev.grange.domain.build.RetryRule.Next;
import dev.grange.domain.worker.Verdict;
import dev.grange.events.AttemptFacts;
import dev.grange.events.ReleaseEvents;
import dev.grange.events.TestOutcome;
import dev.grange.events.TestRunFacts;
import dev.grange.scheduler.FarmConfig;
import dev.grange.scheduler.build.BuildRow;
import dev.grange.scheduler.build.IndexClaim;
import dev.grange.scheduler.build.Outcomes;
import dev.grange.scheduler.build.Outcomes.End;
import dev.grange.scheduler.release.Releases;
import dev.grange.store.Db;
import dev.grange.store.Outbox;
import jakarta.enterprise.context.ApplicationScoped;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.random.RandomGenerator;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * The transitions of attempts. Each is one statement that is conditional on the epoch and the state
 * of the row it writes; whoever has been replaced, or comes late, writes nothing and gets {@link
 * Fenced}.
 */
@ApplicationScoped
class Attempts {
  private static final Logger LOG = Logger.getLogger(Attempts.class);

  private final Db db;
  private final Outcomes outcomes;
  private final Releases releases;
  private final RandomGenerator random;
  private final RetryRule rule;
  private final String farm;

  Attempts(
      Db db,
      Outcomes outcomes,
      Releases releases,
      RandomGenerator random,
      AttemptConfig config,
      FarmConfig farm) {
    this.db = db;
    this.outcomes = outcomes;
    this.releases = releases;
    this.random = random;
    this.rule =
        new RetryRule(
            config.maxTries(), config.maxInterruptions(), config.firstDelay(), config.maxDelay());
    this.farm = farm.name();
  }

  /** What the outside wants of an attempt. */
  record Order(UUID id, @Nullable String stop, boolean overdue) {}

  /** The attempts on these clusters that hold a slot. */
  List<Attempt> unreleased(List<String> clusters) throws SQLException {
    return db.list(
        "SELECT "
            + Attempt.COLUMNS
            + " FROM attempt a WHERE a.released_at IS NULL AND a.cluster = ANY(?) ORDER BY"
            + " a.id",
        Attempt::of,
        clusters);
  }

  /** Which of these attempts are to be stopped. */
  List<Order> orders(List<UUID> attempts) throws SQLException {
    return db.list(
        """
        SELECT id, stop_reason, deadline < now() AS overdue FROM attempt
        WHERE id = ANY(?::uuid[]) AND (stop_reason IS NOT NULL OR deadline < now())
        """,
        row ->
            new Order(Db.uuid(row, "id"), row.getString("stop_reason"), row.getBoolean("overdue")),
        attempts);
  }

  /**
   * Fails unless the attempt's row is as this scheduler read it: unreleased, and under the same
   * epoch.
   */
  void requireOurs(Attempt attempt) throws SQLException, Fenced {
    boolean ours =
        db.first(
                "SELECT 1 FROM attempt WHERE id = ? AND epoch = ? AND released_at IS NULL",
                _ -> true,
                attempt.id(),
                attempt.epoch())
            .isPresent();
    fence(attempt, ours ? 1 : 0);
  }

  /**
   * Takes over attempts that nobody looks after: their cluster's lease has run out, nobody has
   * taken it, and they are overdue or were asked to end. Their epoch is raised, so that a holder
   * who wakes writes nothing.
   */
  List<Attempt> takeAbandoned() throws SQLException {
    return db.list(
        """
        UPDATE attempt a SET epoch = a.epoch + 1
        WHERE a.released_at IS NULL AND a.state IN ('ASSIGNED', 'PREPARED', 'BUILDING', 'PUSHING')
          AND (a.deadline < now() - interval '1 minute' OR a.stop_reason IS NOT NULL)
          AND NOT EXISTS (
            SELECT FROM lease l WHERE l.name = 'cluster:' || a.cluster AND l.expires_at > now() - interval '1 minute')
        RETURNING
        """
            + Attempt.COLUMNS,
        Attempt::of);
  }

  /**
   * The pod exists, and this is its UID: from here on no pod is made for the attempt again and no
   * other UID is believed.
   */
  void prepared(Attempt attempt, String uid, boolean runs) throws SQLException, Fenced {
    AttemptState state = runs ? AttemptState.BUILDING : AttemptState.PREPARED;
    int written =
        db.update(
            """
            UPDATE attempt SET state = ?, pod_uid = ?, prepared_at = now(), building_at = CASE WHEN ? THEN now() END
            WHERE id = ? AND epoch = ? AND state = 'ASSIGNED'
            """,
            state,
            uid,
            runs,
            attempt.id(),
            attempt.epoch());
    fence(attempt, written);
  }

  /** The pod has a node. */
  void scheduled(Attempt attempt, String node) throws SQLException, Fenced {
    int written =
        db.update(
            """
            UPDATE attempt SET scheduled_at = coalesce(scheduled_at, now()), node = ?
            WHERE id = ? AND epoch = ? AND state IN ('PREPARED', 'BUILDING', 'PUSHING')
            """,
            node,
            attempt.id(),
            attempt.epoch());
    fence(attempt, written);
  }

  /** The worker runs. */
  void building(Attempt attempt, @Nullable String node) throws SQLException, Fenced {
    int written =
        db.update(
            """
            UPDATE attempt SET state = 'BUILDING', building_at = now(), node = coalesce(?, node),
              scheduled_at = CASE WHEN ?::text IS NULL THEN scheduled_at ELSE coalesce(scheduled_at, now()) END
            WHERE id = ? AND epoch = ? AND state = 'PREPARED'
            """,
            node,
            node,
            attempt.id(),
            attempt.epoch());
    fence(attempt, written);
  }

  /** Asks for the attempt's end; whoever asked first is remembered. */
  void askToStop(Attempt attempt, String why) throws SQLException, Fenced {
    int written =
        db.update(
            """
            UPDATE attempt SET stop_reason = coalesce(stop_reason, ?)
            WHERE id = ? AND epoch = ? AND state IN ('ASSIGNED', 'PREPARED', 'BUILDING', 'PUSHING')
            """,
            why,
            attempt.id(),
            attempt.epoch());
    fence(attempt, written);
  }

  /** Whether its pod is left for people to look at; asked only where pods are. */
  boolean keepsPod(Attempt attempt) throws SQLException {
    return db.first(
            "SELECT 1 FROM attempt WHERE id = ? AND pod_kept_until > now()",
            _ -> true,
            attempt.id())
        .isPresent();
  }

  private static void fence(Attempt attempt, int written) throws Fenced {
    if (written == 0) {
      throw new Fenced(attempt.id());
    }
  }

  /**
   * What an attempt's end leads to.
   *
   * @param builds that changed
   * @param indexes to be made now
   * @param retryIn when what was run may be placed again
   */
  record Ended(List<UUID> builds, List<IndexClaim> indexes, Optional<Duration> retryIn) {}

  /**
   * Ends an attempt whose pod has been seen gone, gives its slot back, and carries the end on to
   * execution, builds, test run and release, all in one transaction.
   *
   * @param size of the image in bytes, with {@code node} for the record
   * @param keep how long its pod stays if it has failed
   */
  Ended end(
      Attempt attempt,
      Verdict verdict,
      @Nullable Long size,
      @Nullable String node,
      @Nullable String podUid,
      Duration keep)
      throws SQLException, Fenced {
    try {
      return tryToEnd(attempt, verdict, size, node, podUid, keep);
    } catch (SQLException e) {
      String state = String.valueOf(e.getSQLState());
      if (!state.startsWith("22") && !state.startsWith("23")) {
        throw e;
      }
      // What the worker reported does not fit into the database. However it came to that, the
      // attempt has to end.
      LOG.errorf(
          "attempt %s: its end cannot be written as it was reported: %s",
          attempt.id(), e.getMessage());
      Failure failure =
          new Failure(Reason.WORKER_BROKEN, "what its worker reported cannot be recorded");
      return tryToEnd(attempt, new Verdict.Failed(failure), null, node, podUid, keep);
    }
  }

  private Ended tryToEnd(
      Attempt attempt,
      Verdict verdict,
      @Nullable Long size,
      @Nullable String node,
      @Nullable String podUid,
      Duration keep)
      throws SQLException, Fenced {
    UUID execution = attempt.executionId();
    UUID testRun = attempt.testRunId();
    Optional<Ended> ended =
        db.call(
            tx -> {
              List<BuildRow> builds =
                  execution != null
                      ? outcomes.lockBuildsOf(tx, execution)
                      : BuildRow.lock(tx, buildOf(tx, testRun));
              Optional<Row> row = lock(tx, attempt);
              if (row.isEmpty()) {
                return Optional.empty();
              }
              Verdict last = judge(verdict, row.get().stop());
              write(tx, attempt, last, size, node, podUid, keep);
              String where = node == null ? row.get().node() : node;
              AttemptFacts facts = attempt.facts(where, row.get().startedAt());
              return Optional.of(
                  execution != null
                      ? endExecution(tx, attempt, execution, builds, last, facts)
                      : endTest(tx, testRun, builds, last, facts));
            });
    return ended.orElseThrow(() -> new Fenced(attempt.id()));
  }

  private record Row(@Nullable String stop, @Nullable Instant startedAt, @Nullable String node) {}

  private static Optional<Row> lock(Db.Tx tx, Attempt attempt) throws SQLException {
    return tx.first(
        """
        SELECT stop_reason, building_at, node FROM attempt
        WHERE id = ? AND epoch = ? AND state IN ('ASSIGNED', 'PREPARED', 'BUILDING', 'PUSHING') FOR UPDATE
        """,
        row ->
            new Row(
                row.getString("stop_reason"),
                Db.instant(row, "building_at"),
                row.getString("node")),
        attempt.id(),
        attempt.epoch());
  }

  private static List<UUID> buildOf(Db.Tx tx, @Nullable UUID testRun) throws SQLException {
    return tx.list(
        "SELECT r.build_id FROM test_run t JOIN release r ON r.id = t.release_id WHERE t.id = ?",
        row -> Db.uuid(row, "build_id"),
        testRun);
  }

  /**
   * What the end means, given that somebody had asked for it. Who cancels, cancels: also when the
   * worker was faster. Who is drained or out of time and has succeeded all the same has succeeded.
   *
   * @return null for cancelled
   */
  private static @Nullable Verdict judge(Verdict verdict, @Nullable String stop) {
    if (stop == null || (verdict instanceof Verdict.Succeeded && !stop.equals("CANCELLED"))) {
      return verdict;
    }
    return switch (stop) {
      case "CANCELLED" -> null;
      case "TIMED_OUT" ->
          new Verdict.Failed(
              new Failure(
                  Reason.TIMED_OUT, "it ran longer than it may: give it more time, or less to do"));
      case "DRAINED" ->
          new Verdict.Interrupted(new Failure(Reason.DRAINED, "its cluster was drained"));
      default -> throw new IllegalStateException("unknown stop reason " + stop);
    };
  }

  private static void write(
      Db.Tx tx,
      Attempt attempt,
      @Nullable Verdict verdict,
      @Nullable Long size,
      @Nullable String node,
      @Nullable String podUid,
      Duration keep)
      throws SQLException {
    AttemptState state =
        switch (verdict) {
          case null -> AttemptState.CANCELLED;
          case Verdict.Succeeded _ -> AttemptState.SUCCEEDED;
          case Verdict.Failed _ -> AttemptState.FAILED;
          case Verdict.Interrupted _ -> AttemptState.INTERRUPTED;
        };
    Failure failure =
        switch (verdict) {
          case null -> null;
          case Verdict.Succeeded _ -> null;
          case Verdict.Failed f -> f.failure();
          case Verdict.Interrupted i -> i.failure();
        };
    double keepSeconds = state == AttemptState.FAILED ? keep.toSeconds() : 0;
    tx.update(
        """
        UPDATE attempt SET state = ?, digest = ?, size_bytes = ?, fault = ?, reason = ?, message = ?, node = coalesce(?, node), log_complete = true,
          pod_uid = coalesce(pod_uid, ?), finished_at = now(), released_at = now(),
          pod_kept_until = CASE WHEN ? > 0 THEN now() + make_interval(secs => ?) END
        WHERE id = ?
        """,
        state,
        verdict instanceof Verdict.Succeeded s ? s.digest() : null,
        size,
        failure == null || state == AttemptState.INTERRUPTED
            ? null
            : failure.reason().fault().orElse(Fault.INFRA),
        failure == null ? null : failure.reason().code(),
        failure == null ? null : failure.message(),
        node,
        podUid,
        keepSeconds,
        keepSeconds,
        attempt.id());
  }

  private Ended endExecution(
      Db.Tx tx,
      Attempt attempt,
      UUID execution,
      List<BuildRow> builds,
      @Nullable Verdict verdict,
      AttemptFacts facts)
      throws SQLException {
    List<UUID> ids = builds.stream().map(BuildRow::id).toList();
    if (verdict == null) {
      return new Ended(
          ids, outcomes.end(tx, builds, execution, facts, new End.Cancelled()), Optional.empty());
    }
    if (verdict instanceof Verdict.Succeeded s) {
      materials(tx, attempt, execution, facts.node());
      String digest = String.valueOf(s.digest());
      return new Ended(
          ids,
          outcomes.end(tx, builds, execution, facts, new End.Succeeded(attempt.id(), digest)),
          Optional.empty());
    }
    Failure failure = failure(verdict);
    record Tries(int tries, int interruptions) {}
    Tries before =
        tx.first(
                "SELECT tries, interruptions FROM execution WHERE id = ?",
                row -> new Tries(row.getInt("tries"), row.getInt("interruptions")),
                execution)
            .orElseThrow();
    return switch (rule.after(failure, before.tries(), before.interruptions())) {
      case Next.Final end ->
          new Ended(
              ids,
              outcomes.end(
                  tx, builds, execution, facts, new End.Failed(end.fault(), end.failure())),
              Optional.empty());
      case Next.Again again -> {
        Duration delay = jitter(again.delay());
        outcomes.again(
            tx, builds, execution, facts, failure, delay, again.tries(), again.interruptions());
        yield new Ended(ids, List.of(), Optional.of(delay));
      }
    };
  }

  private static Failure failure(Verdict verdict) {
    return switch (verdict) {
      case Verdict.Failed f -> f.failure();
      case Verdict.Interrupted i -> i.failure();
      case Verdict.Succeeded _ -> throw new IllegalArgumentException("a success is no failure");
    };
  }

  /** Up to a quarter more, so that what failed together does not come back together. */
  private Duration jitter(Duration delay) {
    return delay.isZero()
        ? delay
        : delay.plusMillis(random.nextLong(Math.max(1, delay.toMillis() / 4)));
  }

  private Ended endTest(
      Db.Tx tx,
      @Nullable UUID testRun,
      List<BuildRow> builds,
      @Nullable Verdict verdict,
      AttemptFacts facts)
      throws SQLException {
    List<UUID> ids = builds.stream().map(BuildRow::id).toList();
    record Tries(int tries, int interruptions) {}
    Tries before =
        tx.first(
                "SELECT tries, interruptions FROM test_run WHERE id = ? FOR UPDATE",
                row -> new Tries(row.getInt("tries"), row.getInt("interruptions")),
                testRun)
            .orElseThrow();
    TestOutcome outcome;
    String message = null;
    if (verdict == null) {
      outcome = TestOutcome.ERROR;
      message = "the release was withdrawn";
    } else if (verdict instanceof Verdict.Succeeded) {
      outcome = TestOutcome.PASSED;
    } else {
      Failure failure = failure(verdict);
      switch (rule.after(failure, before.tries(), before.interruptions())) {
        case Next.Again again -> {
          Duration delay = jitter(again.delay());
          tx.update(
              """
              UPDATE test_run SET outcome = 'QUEUED', tries = ?, interruptions = ?, queued_at = now(),
                not_before = now() + make_interval(secs => ?)
              WHERE id = ? AND outcome = 'RUNNING'
              """,
              again.tries(),
              again.interruptions(),
              delay.toMillis() / 1000.0,
              testRun);
          return new Ended(ids, List.of(), Optional.of(delay));
        }
        case Next.Final end -> {
          // only a test that ran to its end says something against the image
          outcome =
              end.failure().reason() == Reason.TEST_FAILED ? TestOutcome.FAILED : TestOutcome.ERROR;
          message = end.failure().message();
        }
      }
    }
    List<TestRunFacts> finished =
        tx.list(
            """
            UPDATE test_run SET outcome = ?, message = ?, finished_at = now() WHERE id = ? AND outcome IN ('QUEUED', 'RUNNING')
            RETURNING id, test_case, platform, scenario
            """,
            Releases::testRun,
            outcome,
            message,
            testRun);
    for (BuildRow build : builds) {
      for (TestRunFacts test : finished) {
        var release = releases.facts(tx, build).orElseThrow();
        Outbox.append(
            tx,
            ReleaseEvents.testFinished(farm, release, test, outcome, message, facts, build.now()));
        releases.decide(tx, build, test.id().toString());
      }
    }
    return new Ended(ids, List.of(), Optional.empty());
  }

  /** What the image was made from, for reuse, provenance and "what does this base image affect". */
  private static void materials(Db.Tx tx, Attempt attempt, UUID execution, @Nullable String node)
      throws SQLException {
    tx.update(
        """
        INSERT INTO material (attempt_id, kind, name, digest, value)
        SELECT ?, m.kind, m.name, m.digest, m.value
        FROM execution e JOIN build b ON b.id = e.build_id LEFT JOIN context c ON c.project = b.project AND c.digest = b.context,
        LATERAL (
          VALUES ('containerfile', 'Containerfile', 'sha256:' || encode(sha256(convert_to(b.containerfile, 'UTF8')), 'hex'), ''),
                 ('context', 'context', c.digest, ''),
                 ('cluster', ?::text, '', ''),
                 ('node', ?::text, '', '')
          UNION ALL SELECT 'argument', key, '', value FROM jsonb_each_text(b.args)
        ) AS m(kind, name, digest, value)
        WHERE e.id = ? AND m.name IS NOT NULL AND m.digest IS NOT NULL
        ON CONFLICT DO NOTHING
        """,
        attempt.id(),
        attempt.cluster(),
        node,
        execution);
  }
}
