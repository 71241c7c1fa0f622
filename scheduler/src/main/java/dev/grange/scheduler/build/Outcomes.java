package dev.grange.scheduler.build;

import dev.grange.domain.build.BuildState;
import dev.grange.domain.build.Failure;
import dev.grange.domain.build.Fault;
import dev.grange.events.AttemptFacts;
import dev.grange.events.BuildEvents;
import dev.grange.events.FarmEvent;
import dev.grange.events.PlatformBuildFacts;
import dev.grange.scheduler.FarmConfig;
import dev.grange.scheduler.lease.Leases;
import dev.grange.store.Db;
import dev.grange.store.Outbox;
import jakarta.enterprise.context.ApplicationScoped;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What the end of an execution means for its platform builds and their builds. Every method runs in
 * the transaction of the transition that caused it, with the builds' rows locked.
 */
@ApplicationScoped
public class Outcomes {
  /**
   * How long a claim on making an index holds. Everything in it is by digest and may be repeated,
   * so a claim that runs out is harmless.
   */
  static final Duration CLAIM = Duration.ofSeconds(60);

  private final String farm;
  private final Leases leases;

  Outcomes(FarmConfig farm, Leases leases) {
    this.farm = farm.name();
    this.leases = leases;
  }

  /** How an execution ended. */
  public sealed interface End {
    /** With an image. */
    record Succeeded(UUID attempt, String digest) implements End {}

    /** For good, and without one. */
    record Failed(Fault fault, Failure failure) implements End {}

    /** Because somebody asked. */
    record Cancelled() implements End {}
  }

  /** The builds that an execution is run for, locked. */
  public List<BuildRow> lockBuildsOf(Db.Tx tx, UUID execution) throws SQLException {
    List<UUID> ids =
        tx.list(
            "SELECT build_id FROM platform_build WHERE execution_id = ?",
            row -> Db.uuid(row, "build_id"),
            execution);
    return BuildRow.lock(tx, ids);
  }

  /**
   * Ends an execution and what hangs on it.
   *
   * @return the builds whose index is to be made now; this scheduler has the claim
   */
  public List<IndexClaim> end(
      Db.Tx tx, List<BuildRow> builds, UUID execution, @Nullable AttemptFacts attempt, End end)
      throws SQLException {
    BuildState state =
        switch (end) {
          case End.Succeeded _ -> BuildState.SUCCEEDED;
          case End.Failed _ -> BuildState.FAILED;
          case End.Cancelled _ -> BuildState.CANCELLED;
        };
    int ended =
        tx.update(
            "UPDATE execution SET state = ?, finished_at = now() WHERE id = ? AND state IN"
                + " ('QUEUED', 'RUNNING')",
            state,
            execution);
    if (ended == 0) {
      return List.of();
    }
    List<IndexClaim> claims = new ArrayList<>();
    for (BuildRow build : builds) {
      endPlatformBuild(tx, build, execution, attempt, state, end);
      settle(tx, build, end).ifPresent(claims::add);
    }
    return claims;
  }

  private void endPlatformBuild(
      Db.Tx tx,
      BuildRow build,
      UUID execution,
      @Nullable AttemptFacts attempt,
      BuildState state,
      End end)
      throws SQLException {
    Failure failure = end instanceof End.Failed f ? f.failure() : null;
    Fault fault = end instanceof End.Failed f ? f.fault() : null;
    List<PlatformBuildFacts> ended =
        tx.list(
            """
            UPDATE platform_build SET state = ?, finished_at = now(), attempt_id = ?, digest = ?, fault = ?, reason = ?, message = ?
            WHERE build_id = ? AND execution_id = ? AND state IN ('QUEUED', 'RUNNING')
            RETURNING id, execution_id, platform
            """,
            Outcomes::platformBuild,
            state,
            attempt == null ? null : attempt.id(),
            end instanceof End.Succeeded s ? s.digest() : null,
            fault,
            failure == null ? null : failure.reason().code(),
            failure == null ? null : failure.message(),
            build.id(),
            execution);
    for (PlatformBuildFacts platform : ended) {
      Outbox.append(tx, platformEvent(build, platform, attempt, end));
    }
  }

  private FarmEvent platformEvent(
      BuildRow build, PlatformBuildFacts platform, @Nullable AttemptFacts attempt, End end) {
    return switch (end) {
      case End.Succeeded s -> {
        if (attempt == null) {
          throw new IllegalArgumentException("nothing succeeds without an attempt");
        }
        yield BuildEvents.platformSucceeded(
            farm, build.facts(), platform, attempt, s.digest(), build.now());
      }
      case End.Failed f ->
          BuildEvents.platformFailed(
              farm, build.facts(), platform, attempt, event(f.fault(), f.failure()), build.now());
      case End.Cancelled _ ->
          BuildEvents.platformCancelled(farm, build.facts(), platform, attempt, build.now());
    };
  }

  /** What a build is, now that one of its platform builds has ended. */
  private Optional<IndexClaim> settle(Db.Tx tx, BuildRow build, End last) throws SQLException {
    record Platform(
        BuildState state,
        @Nullable String fault,
        @Nullable String reason,
        @Nullable String message) {}
    List<Platform> platforms =
        tx.list(
            "SELECT state, fault, reason, message FROM platform_build WHERE build_id = ? ORDER BY"
                + " finished_at, id",
            row ->
                new Platform(
                    BuildState.valueOf(row.getString("state")),
                    row.getString("fault"),
                    row.getString("reason"),
                    row.getString("message")),
            build.id());
    BuildState state = BuildState.ofPlatforms(platforms.stream().map(Platform::state).toList());
    switch (state) {
      case FAILED -> {
        Platform first =
            platforms.stream()
                .filter(p -> p.state() == BuildState.FAILED)
                .findFirst()
                .orElseThrow();
        Fault fault = Fault.valueOf(String.valueOf(first.fault()));
        Failure failure =
            new Failure(
                dev.grange.domain.build.Reason.ofCode(String.valueOf(first.reason())),
                String.valueOf(first.message()));
        fail(tx, build, fault, failure);
      }
      case CANCELLED -> cancel(tx, build);
      case RUNNING -> {
        if (last instanceof End.Succeeded
            && platforms.stream().allMatch(p -> p.state() == BuildState.SUCCEEDED)) {
          return claimIndex(tx, build);
        }
      }
      case QUEUED, SUCCEEDED ->
          throw new IllegalStateException("platform builds cannot make a build " + state);
    }
    return Optional.empty();
  }

  /** Ends a build that is open as FAILED; no effect on one that has ended. */
  public void fail(Db.Tx tx, BuildRow build, Fault fault, Failure failure) throws SQLException {
    int failed =
        tx.update(
            """
            UPDATE build SET state = 'FAILED', finished_at = now(), fault = ?, reason = ?, message = ?
            WHERE id = ? AND state IN ('QUEUED', 'RUNNING')
            """,
            fault,
            failure.reason().code(),
            failure.message(),
            build.id());
    if (failed == 1) {
      Outbox.append(
          tx, BuildEvents.failed(farm, build.facts(), event(fault, failure), build.now()));
    }
  }

  /** Ends a build that is open as CANCELLED; no effect on one that has ended. */
  public void cancel(Db.Tx tx, BuildRow build) throws SQLException {
    int cancelled =
        tx.update(
            "UPDATE build SET state = 'CANCELLED', finished_at = now() WHERE id = ? AND state IN"
                + " ('QUEUED', 'RUNNING')",
            build.id());
    if (cancelled == 1) {
      Outbox.append(tx, BuildEvents.cancelled(farm, build.facts(), build.now()));
    }
  }

  /** Takes the claim on a build's index unless somebody has it. */
  Optional<IndexClaim> claimIndex(Db.Tx tx, BuildRow build) throws SQLException {
    return tx.first(
        """
        UPDATE build SET index_epoch = index_epoch + 1, index_holder = ?, index_until = now() + make_interval(secs => ?)
        WHERE id = ? AND state = 'RUNNING' AND (index_until IS NULL OR index_until < now() OR (index_holder IS NOT NULL
            AND NOT EXISTS (SELECT FROM lease l WHERE l.name = 'scheduler:' || index_holder AND l.expires_at > now())))
        RETURNING index_epoch, index_tries
        """,
        row -> new IndexClaim(build.facts(), row.getLong("index_epoch"), row.getInt("index_tries")),
        leases.holder(),
        (double) CLAIM.toSeconds(),
        build.id());
  }

  /** Puts an execution back into the queue; it is told for each build that it is run for. */
  public void again(
      Db.Tx tx,
      List<BuildRow> builds,
      UUID execution,
      AttemptFacts attempt,
      Failure failure,
      Duration delay,
      int tries,
      int interruptions)
      throws SQLException {
    int queued =
        tx.update(
            """
            UPDATE execution SET state = 'QUEUED', tries = ?, interruptions = ?,
              not_before = now() + make_interval(secs => ?), queued_at = now(),
              queue_deadline = greatest(queue_deadline, now() + interval '1 hour'),
              refused = refused || jsonb_build_object(?::text, now())
            WHERE id = ? AND state = 'RUNNING'
            """,
            tries,
            interruptions,
            delay.toMillis() / 1000.0,
            attempt.cluster(),
            execution);
    if (queued == 0) {
      return;
    }
    for (BuildRow build : builds) {
      List<PlatformBuildFacts> platforms =
          tx.list(
              """
              UPDATE platform_build SET state = 'QUEUED' WHERE build_id = ? AND execution_id = ? AND state = 'RUNNING'
              RETURNING id, execution_id, platform
              """,
              Outcomes::platformBuild,
              build.id(),
              execution);
      Instant notBefore = delay.isZero() ? null : build.now().plus(delay);
      boolean interrupted = failure.reason().isInterruption();
      dev.grange.events.Failure told =
          new dev.grange.events.Failure(
              interrupted ? "INTERRUPTED" : "INFRA", failure.reason().code(), failure.message());
      for (PlatformBuildFacts platform : platforms) {
        Outbox.append(
            tx,
            interrupted
                ? BuildEvents.interrupted(
                    farm, build.facts(), platform, attempt, told, notBefore, build.now())
                : BuildEvents.retried(
                    farm, build.facts(), platform, attempt, told, notBefore, build.now()));
      }
    }
  }

  public static PlatformBuildFacts platformBuild(java.sql.ResultSet row) throws SQLException {
    return new PlatformBuildFacts(
        Db.uuid(row, "id"), Db.uuid(row, "execution_id"), row.getString("platform"));
  }

  static dev.grange.events.Failure event(Fault fault, Failure failure) {
    return new dev.grange.events.Failure(fault.name(), failure.reason().code(), failure.message());
  }
}
