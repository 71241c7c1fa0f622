package dev.grange.scheduler.request;

import dev.grange.scheduler.Loop;
import dev.grange.scheduler.Wakeups;
import dev.grange.scheduler.Wakeups.Chore;
import dev.grange.scheduler.build.BuildRow;
import dev.grange.scheduler.build.Outcomes;
import dev.grange.scheduler.build.Outcomes.End;
import dev.grange.scheduler.cluster.Operations;
import dev.grange.scheduler.cluster.Operations.Answer;
import dev.grange.scheduler.placement.PlacementRound;
import dev.grange.scheduler.release.Releases;
import dev.grange.store.Db;
import jakarta.enterprise.context.ApplicationScoped;
import java.sql.SQLException;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Answers requests, in the order in which they came. A request and all it changes are one
 * transaction: it is answered once, by whichever scheduler is first.
 */
@ApplicationScoped
public class Requests {
  private static final Duration LOOK = Duration.ofSeconds(30);

  private static final Logger LOG = Logger.getLogger(Requests.class);

  private final Db db;
  private final Outcomes outcomes;
  private final Releases releases;
  private final Operations clusters;
  private final Wakeups wakeups;
  private @Nullable Loop loop;

  Requests(Db db, Outcomes outcomes, Releases releases, Operations clusters, Wakeups wakeups) {
    this.db = db;
    this.outcomes = outcomes;
    this.releases = releases;
    this.clusters = clusters;
    this.wakeups = wakeups;
  }

  private record Request(
      UUID id,
      String principal,
      String command,
      @Nullable UUID build,
      String target,
      String arguments) {}

  /** What is to be woken once the answer is committed. */
  private record Answered(List<UUID> builds, boolean cluster) {}

  public void start() {
    Loop answering = Loop.start("requests", LOOK, this::round);
    loop = answering;
    wakeups.register(Chore.REQUESTS, answering::wake);
  }

  public void stop() {
    Loop answering = loop;
    if (answering != null) {
      answering.stop();
    }
  }

  boolean round() throws SQLException {
    List<UUID> open =
        db.list(
            "SELECT id FROM request WHERE answer IS NULL AND command <> 'check' ORDER BY"
                + " created_at, id LIMIT 50",
            row -> Db.uuid(row, "id"));
    for (UUID request : open) {
      try {
        answer(request);
      } catch (RuntimeException e) {
        // the ones behind it are not to wait for it
        LOG.errorf(e, "request %s", request);
      }
    }
    return open.size() == 50;
  }

  private void answer(UUID id) throws SQLException {
    Answered answered =
        db.call(
            tx -> {
              PlacementRound.lockQueue(tx);
              Request request = lock(tx, id);
              if (request == null) {
                return new Answered(List.of(), false);
              }
              Optional<Answer> ofCluster =
                  clusters.answer(
                      tx,
                      request.command(),
                      request.target(),
                      request.principal(),
                      request.arguments());
              UUID build = request.build();
              Answer answer;
              if (ofCluster.isPresent()) {
                answer = ofCluster.get();
              } else if (request.command().equals("cancel") && build != null) {
                answer = cancel(tx, build, request.principal());
              } else {
                answer =
                    new Answer(
                        false, "this farm does not know how to " + request.command() + " yet");
              }
              tx.update(
                  "UPDATE request SET answer = ?, answer_text = ?, answered_at = now() WHERE id ="
                      + " ?",
                  answer.done() ? "DONE" : "REFUSED",
                  answer.text(),
                  id);
              return new Answered(
                  build == null ? List.of() : List.of(build), ofCluster.isPresent());
            });
    if (answered.cluster()) {
      wakeups.changed(
          EnumSet.of(Chore.PLACEMENT, Chore.ATTEMPTS, Chore.CLUSTERS, Chore.RELAY), List.of());
    }
    if (!answered.builds().isEmpty()) {
      wakeups.changed(EnumSet.of(Chore.ATTEMPTS, Chore.RELAY), answered.builds());
    }
  }

  /** Null when another scheduler has answered it. */
  private static @Nullable Request lock(Db.Tx tx, UUID id) throws SQLException {
    return tx.first(
            "SELECT id, principal, command, build_id, target, arguments FROM request WHERE id = ?"
                + " AND answer IS NULL FOR UPDATE",
            row ->
                new Request(
                    Db.uuid(row, "id"),
                    row.getString("principal"),
                    row.getString("command"),
                    row.getObject("build_id", UUID.class),
                    row.getString("target"),
                    row.getString("arguments")),
            id)
        .orElse(null);
  }

  /**
   * Ends what waits, asks the workers of what runs to stop, and withdraws the release of what has
   * succeeded.
   */
  private Answer cancel(Db.Tx tx, UUID id, String principal) throws SQLException {
    BuildRow build = BuildRow.lock(tx, List.of(id)).getFirst();
    return switch (build.state()) {
      case FAILED, CANCELLED ->
          new Answer(false, "the build had ended before: it is " + build.state());
      case SUCCEEDED -> withdraw(tx, build, principal);
      case QUEUED, RUNNING -> cancelOpen(tx, build);
    };
  }

  private Answer cancelOpen(Db.Tx tx, BuildRow build) throws SQLException {
    record Part(UUID execution, boolean queued) {}
    List<Part> parts =
        tx.list(
            """
            SELECT e.id, e.state = 'QUEUED' AS queued FROM platform_build p JOIN execution e ON e.id = p.execution_id
            WHERE p.build_id = ? AND e.state IN ('QUEUED', 'RUNNING') ORDER BY e.id
            """,
            row -> new Part(Db.uuid(row, "id"), row.getBoolean("queued")),
            build.id());
    int stopping = 0;
    for (Part part : parts) {
      if (part.queued()) {
        var _ = outcomes.end(tx, List.of(build), part.execution(), null, new End.Cancelled());
      } else {
        stopping +=
            tx.update(
                """
                UPDATE attempt SET stop_reason = 'CANCELLED'
                WHERE execution_id = ? AND state IN ('ASSIGNED', 'PREPARED', 'BUILDING', 'PUSHING')
                """,
                part.execution());
      }
    }
    if (parts.isEmpty()) {
      // every platform has succeeded and the index is being made: whoever makes it finds the build
      // ended
      outcomes.cancel(tx, build);
    }
    return new Answer(
        true,
        stopping == 0
            ? "the build was cancelled"
            : "the build is being cancelled: " + stopping + " workers were told to stop");
  }

  private Answer withdraw(Db.Tx tx, BuildRow build, String principal) throws SQLException {
    if (!releases.withdraw(tx, build, principal, "the build was cancelled")) {
      return new Answer(
          false,
          "the build has succeeded and its release has ended: it can be rolled back, not"
              + " cancelled");
    }
    tx.update(
        """
        UPDATE attempt SET stop_reason = 'CANCELLED'
        WHERE state IN ('ASSIGNED', 'PREPARED', 'BUILDING', 'PUSHING')
          AND test_run_id IN (SELECT t.id FROM test_run t JOIN release r ON r.id = t.release_id WHERE r.build_id = ?)
        """,
        build.id());
    return new Answer(true, "the build had succeeded; its release was withdrawn");
  }
}
