package dev.grange.store.api;

import dev.grange.store.Db;
import jakarta.enterprise.context.ApplicationScoped;
import java.net.URI;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Reads builds with everything that belongs to them: two statements for a page of builds, four when
 * one of them has a release.
 */
@ApplicationScoped
public class Builds {

  private static final String SELECT =
      """
      SELECT b.*, (SELECT url FROM registry WHERE role = 'candidate') AS candidate_url,
             EXISTS (SELECT FROM request q WHERE q.build_id = b.id AND q.command = 'cancel'
                                             AND q.answer IS DISTINCT FROM 'REFUSED') AS cancel_requested,
             w.reason AS waiting_reason, w.message AS waiting_message,
             r.id AS release_id, r.state AS release_state, r.digest AS release_digest, r.policy, r.policy_version,
             r.decision, r.opened_at, r.finished_at AS release_finished_at
      FROM build b
      LEFT JOIN release r ON r.build_id = b.id
      LEFT JOIN LATERAL (
        SELECT d.reason, d.message FROM platform_build p JOIN execution e ON e.id = p.execution_id
        JOIN placement_lane d ON d.project = e.project AND d.lane = e.lane AND d.reason IS NOT NULL
        WHERE p.build_id = b.id AND e.state = 'QUEUED' AND (e.not_before IS NULL OR e.not_before <= now())
        ORDER BY p.platform LIMIT 1
      ) w ON b.state IN ('QUEUED', 'RUNNING')
      """;

  /** Newest first, after the row that the last page ended with. */
  private static final String PAGE =
      """
      WHERE (?::text IS NULL OR b.project = ?) AND (?::text IS NULL OR b.image = ?)
        AND (?::text[] IS NULL OR b.state = ANY (?::text[]))
        AND (?::timestamptz IS NULL OR (b.created_at, b.id) < (?::timestamptz, ?::uuid))
      ORDER BY b.created_at DESC, b.id DESC LIMIT ?
      """;

  private static final String ATTEMPT =
      """
             a.id AS attempt_id, a.kind, a.number, a.cluster, a.node, a.state AS attempt_state, a.assigned_at, a.building_at,
             a.pushing_at, a.finished_at AS attempt_finished_at, a.fault AS attempt_fault, a.reason AS attempt_reason,
             a.message AS attempt_message, a.digest AS attempt_digest, coalesce(l.bytes, 0) AS log_bytes, a.queued_at,
             CASE WHEN a.pod_kept_until > now() THEN a.pod_name END AS kept_pod, a.pod_kept_until,
             extract(epoch FROM coalesce(a.building_at, a.finished_at, now()) - a.queued_at) AS queued_seconds,
             extract(epoch FROM coalesce(a.finished_at, now()) - a.building_at) AS ran_seconds
      """;

  private static final String LOG_BYTES =
      """
      LEFT JOIN LATERAL (
        SELECT start_offset + length(data) AS bytes FROM log_chunk WHERE attempt_id = a.id ORDER BY start_offset DESC LIMIT 1
      ) l ON true
      """;

  /** Waiting that led to no attempt, or has not yet, is counted to the platform build itself. */
  private static final String PLATFORM_BUILDS =
      """
      SELECT p.build_id, p.id, p.platform, p.state, p.digest, p.fault, p.reason, p.message,
        CASE WHEN NOT EXISTS (SELECT FROM attempt s WHERE s.execution_id = e.id AND s.queued_at = e.queued_at)
          THEN extract(epoch FROM coalesce(e.finished_at, now()) - e.queued_at) ELSE 0 END AS waits_seconds,
      """
          + ATTEMPT
          + """
          FROM platform_build p JOIN execution e ON e.id = p.execution_id
          LEFT JOIN attempt a ON a.execution_id = p.execution_id
          """
          + LOG_BYTES
          + "WHERE p.build_id = ANY (?::text[]::uuid[]) ORDER BY p.build_id, p.platform, a.number";

  private static final String TESTS =
      "SELECT t.release_id, t.id, t.test_case, t.platform, t.outcome, t.message,\n"
          + ATTEMPT
          + """
          FROM (
            SELECT DISTINCT ON (release_id, test_case, platform, scenario) * FROM test_run
            WHERE release_id = ANY (?::text[]::uuid[])
            ORDER BY release_id, test_case, platform, scenario, created_at DESC, id DESC
          ) t LEFT JOIN attempt a ON a.test_run_id = t.id
          """
          + LOG_BYTES
          + "ORDER BY t.release_id, t.test_case, t.platform, t.scenario, a.number";

  private static final String TARGETS =
      """
      SELECT p.release_id, t.registry, g.url, t.repository, t.tags, t.state, t.outcome, t.last_error
      FROM (
        SELECT DISTINCT ON (release_id) id, release_id FROM promotion WHERE release_id = ANY (?::text[]::uuid[])
        ORDER BY release_id, created_at DESC, id DESC
      ) p JOIN promotion_target t ON t.promotion_id = p.id JOIN registry g ON g.name = t.registry
      ORDER BY p.release_id, t.registry, t.repository
      """;

  private static final String STATUS =
      """
      SELECT b.project, b.state, b.scratch, r.state AS release_state,
             (SELECT string_agg(p.platform || ' ' || p.state, ',' ORDER BY p.platform) FROM platform_build p
              WHERE p.build_id = b.id) AS parts
      FROM build b LEFT JOIN release r ON r.build_id = b.id WHERE b.id = ?
      """;

  private final Db db;

  public Builds(Db db) {
    this.db = db;
  }

  /**
   * What is to be listed.
   *
   * @param states none for all
   * @param after the last row of the page before
   */
  public record Query(
      @Nullable String project,
      @Nullable String image,
      List<String> states,
      @Nullable Position after,
      int limit) {}

  /** A row's place in the list, newest first; creation times may be equal. */
  public record Position(Instant createdAt, UUID id) {}

  /**
   * As much of a build as it takes to know whether something changed.
   *
   * @param parts the states of its platform builds
   */
  public record Status(
      String project,
      String state,
      boolean scratch,
      @Nullable String releaseState,
      @Nullable String parts) {

    /** Whether nothing more happens by itself. */
    public boolean isFinal() {
      return Builds.isFinal(state, scratch, releaseState);
    }

    /** Whether the build itself has ended, whatever its release does. */
    public boolean isFinished() {
      return !state.equals("QUEUED") && !state.equals("RUNNING");
    }

    /** Whether a cancellation would still change something: a release that is open is withdrawn. */
    public boolean canBeCancelled() {
      if (!isFinished()) {
        return true;
      }
      return state.equals("SUCCEEDED")
          && releaseState != null
          && !releaseState.equals("PROMOTED")
          && !releaseState.equals("WITHDRAWN");
    }
  }

  public Optional<Status> status(UUID id) throws SQLException {
    return db.first(
        STATUS,
        row ->
            new Status(
                row.getString("project"),
                row.getString("state"),
                row.getBoolean("scratch"),
                row.getString("release_state"),
                row.getString("parts")),
        id);
  }

  public Optional<BuildView> find(UUID id) throws SQLException {
    return db.call(tx -> complete(tx, tx.list(SELECT + "WHERE b.id = ?", Head::of, id))).stream()
        .findFirst();
  }

  public Optional<BuildView.Release> release(UUID id) throws SQLException {
    return db.call(tx -> complete(tx, tx.list(SELECT + "WHERE r.id = ?", Head::of, id))).stream()
        .findFirst()
        .map(BuildView::release);
  }

  public List<BuildView> page(Query query) throws SQLException {
    List<String> states = query.states().isEmpty() ? null : query.states();
    Instant createdAt = query.after() == null ? null : query.after().createdAt();
    UUID id = query.after() == null ? null : query.after().id();
    return db.call(
        tx ->
            complete(
                tx,
                tx.list(
                    SELECT + PAGE,
                    Head::of,
                    query.project(),
                    query.project(),
                    query.image(),
                    query.image(),
                    states,
                    states,
                    createdAt,
                    createdAt,
                    id,
                    query.limit())));
  }

  private static boolean isFinal(String state, boolean scratch, @Nullable String releaseState) {
    return switch (state) {
      case "FAILED", "CANCELLED" -> true;
      case "SUCCEEDED" ->
          releaseState == null
              ? scratch
              : releaseState.equals("PROMOTED")
                  || releaseState.equals("WITHDRAWN")
                  || releaseState.equals("BLOCKED");
      default -> false;
    };
  }

  private static List<BuildView> complete(Db.Tx tx, List<Head> heads) throws SQLException {
    if (heads.isEmpty()) {
      return List.of();
    }
    Map<UUID, List<BuildView.PlatformBuild>> parts =
        platformBuilds(tx, heads.stream().map(head -> head.id.toString()).toList());
    List<String> releases =
        heads.stream()
            .map(head -> head.releaseId)
            .filter(Objects::nonNull)
            .map(UUID::toString)
            .toList();
    Map<UUID, List<BuildView.Test>> tests = releases.isEmpty() ? Map.of() : tests(tx, releases);
    Map<UUID, String> digests = new HashMap<>();
    heads.forEach(
        head -> {
          if (head.release != null) {
            digests.put(head.release.id(), head.release.digest());
          }
        });
    Map<UUID, List<BuildView.Target>> targets =
        releases.isEmpty() ? Map.of() : targets(tx, releases, digests);
    return heads.stream()
        .map(
            head ->
                head.complete(
                    parts.getOrDefault(head.id, List.of()),
                    head.releaseId == null
                        ? List.of()
                        : tests.getOrDefault(head.releaseId, List.of()),
                    head.releaseId == null
                        ? List.of()
                        : targets.getOrDefault(head.releaseId, List.of())))
        .toList();
  }

  private static Map<UUID, List<BuildView.PlatformBuild>> platformBuilds(Db.Tx tx, List<String> ids)
      throws SQLException {
    Map<UUID, BuildView.PlatformBuild> byId = new LinkedHashMap<>();
    Map<UUID, UUID> builds = new HashMap<>();
    Map<UUID, List<BuildView.PlatformBuild>> byBuild = new HashMap<>();
    tx.list(
        PLATFORM_BUILDS,
        row -> {
          UUID id = Db.uuid(row, "id");
          BuildView.PlatformBuild part = byId.get(id);
          if (part == null) {
            part =
                new BuildView.PlatformBuild(
                    row.getString("platform"),
                    row.getString("state"),
                    row.getString("digest"),
                    failure(row, ""),
                    row.getDouble("waits_seconds"),
                    0,
                    new ArrayList<>());
            byId.put(id, part);
            builds.put(id, Db.uuid(row, "build_id"));
          }
          return addAttempt(row, part.attempts());
        },
        ids);
    byId.forEach(
        (id, part) ->
            byBuild.computeIfAbsent(builds.get(id), b -> new ArrayList<>()).add(withClocks(part)));
    return byBuild;
  }

  /** Adds up what its attempts waited and ran. */
  private static BuildView.PlatformBuild withClocks(BuildView.PlatformBuild part) {
    return new BuildView.PlatformBuild(
        part.platform(),
        part.state(),
        part.digest(),
        part.failure(),
        part.queuedSeconds()
            + part.attempts().stream().mapToDouble(BuildView.Attempt::queuedSeconds).sum(),
        part.attempts().stream().mapToDouble(BuildView.Attempt::ranSeconds).sum(),
        part.attempts());
  }

  private static Map<UUID, List<BuildView.Test>> tests(Db.Tx tx, List<String> releases)
      throws SQLException {
    Map<UUID, BuildView.Test> byId = new LinkedHashMap<>();
    Map<UUID, List<BuildView.Test>> byRelease = new HashMap<>();
    tx.list(
        TESTS,
        row -> {
          UUID id = Db.uuid(row, "id");
          BuildView.Test test = byId.get(id);
          if (test == null) {
            test =
                new BuildView.Test(
                    row.getString("test_case"),
                    row.getString("platform"),
                    row.getString("outcome"),
                    row.getString("message"),
                    new ArrayList<>());
            byId.put(id, test);
            byRelease.computeIfAbsent(Db.uuid(row, "release_id"), r -> new ArrayList<>()).add(test);
          }
          return addAttempt(row, test.attempts());
        },
        releases);
    return byRelease;
  }

  private static Map<UUID, List<BuildView.Target>> targets(
      Db.Tx tx, List<String> releases, Map<UUID, String> digests) throws SQLException {
    Map<UUID, List<BuildView.Target>> byRelease = new HashMap<>();
    tx.list(
        TARGETS,
        row -> {
          UUID release = Db.uuid(row, "release_id");
          String name =
              URI.create(row.getString("url")).getAuthority() + "/" + row.getString("repository");
          List<String> tags = Db.texts(row, "tags");
          return byRelease
              .computeIfAbsent(release, r -> new ArrayList<>())
              .add(
                  new BuildView.Target(
                      row.getString("registry"),
                      name + "@" + digests.get(release),
                      tags.stream().map(tag -> name + ":" + tag).toList(),
                      tags,
                      row.getString("state"),
                      row.getString("outcome"),
                      row.getString("last_error")));
        },
        releases);
    return byRelease;
  }

  private static boolean addAttempt(ResultSet row, List<BuildView.Attempt> attempts)
      throws SQLException {
    UUID id = row.getObject("attempt_id", UUID.class);
    if (id == null) {
      return false;
    }
    return attempts.add(
        new BuildView.Attempt(
            id,
            row.getString("kind"),
            row.getInt("number"),
            row.getString("cluster"),
            row.getString("node"),
            row.getString("attempt_state"),
            Objects.requireNonNull(Db.instant(row, "queued_at")),
            Objects.requireNonNull(Db.instant(row, "assigned_at")),
            Db.instant(row, "building_at"),
            Db.instant(row, "pushing_at"),
            Db.instant(row, "attempt_finished_at"),
            row.getDouble("queued_seconds"),
            row.getDouble("ran_seconds"),
            failure(row, "attempt_"),
            row.getString("attempt_digest"),
            row.getLong("log_bytes"),
            kept(row)));
  }

  private static BuildView.@Nullable KeptPod kept(ResultSet row) throws SQLException {
    String pod = row.getString("kept_pod");
    return pod == null
        ? null
        : new BuildView.KeptPod(pod, Objects.requireNonNull(Db.instant(row, "pod_kept_until")));
  }

  private static BuildView.@Nullable Failure failure(ResultSet row, String prefix)
      throws SQLException {
    String reason = row.getString(prefix + "reason");
    if (reason == null) {
      return null;
    }
    String message = row.getString(prefix + "message");
    return new BuildView.Failure(
        row.getString(prefix + "fault"), reason, message == null ? "" : message);
  }

  /** A build's own row, before its parts are known. */
  private record Head(
      UUID id, @Nullable UUID releaseId, BuildView build, BuildView.@Nullable Release release) {

    static Head of(ResultSet row) throws SQLException {
      UUID id = Db.uuid(row, "id");
      String state = row.getString("state");
      boolean scratch = row.getBoolean("scratch");
      String releaseState = row.getString("release_state");
      String digest = row.getString("candidate_digest");
      String waiting = row.getString("waiting_reason");
      BuildView build =
          new BuildView(
              id,
              row.getString("project"),
              row.getString("image"),
              Db.texts(row, "tags"),
              Db.texts(row, "platforms"),
              state,
              row.getString("principal"),
              Objects.requireNonNull(Db.instant(row, "created_at")),
              Db.instant(row, "started_at"),
              Db.instant(row, "finished_at"),
              scratch,
              row.getObject("retry_of", UUID.class),
              row.getString("context"),
              row.getInt("priority"),
              0,
              0,
              row.getInt("queue_seconds"),
              row.getInt("timeout_seconds"),
              row.getBoolean("cancel_requested"),
              failure(row, ""),
              List.of(),
              digest == null ? null : candidate(row, digest),
              waiting == null
                  ? null
                  : new BuildView.Waiting(waiting, row.getString("waiting_message")),
              null,
              isFinal(state, scratch, releaseState));
      return new Head(id, row.getObject("release_id", UUID.class), build, release(row, build));
    }

    private static BuildView.Candidate candidate(ResultSet row, String digest) throws SQLException {
      String url = row.getString("candidate_url");
      String host = url == null ? "" : URI.create(url).getAuthority() + "/";
      return new BuildView.Candidate(
          host + row.getString("candidate_repository") + "@" + digest, digest);
    }

    private static BuildView.@Nullable Release release(ResultSet row, BuildView build)
        throws SQLException {
      UUID release = row.getObject("release_id", UUID.class);
      if (release == null) {
        return null;
      }
      return new BuildView.Release(
          release,
          build.id(),
          build.project(),
          row.getString("release_state"),
          row.getString("release_digest"),
          row.getString("policy"),
          row.getObject("policy_version", Integer.class),
          row.getString("decision"),
          Objects.requireNonNull(Db.instant(row, "opened_at")),
          Db.instant(row, "release_finished_at"),
          List.of(),
          List.of());
    }

    BuildView complete(
        List<BuildView.PlatformBuild> parts,
        List<BuildView.Test> tests,
        List<BuildView.Target> targets) {
      BuildView b = build;
      BuildView.Release r = release;
      return new BuildView(
          b.id(),
          b.project(),
          b.image(),
          b.tags(),
          b.platforms(),
          b.state(),
          b.principal(),
          b.createdAt(),
          b.startedAt(),
          b.finishedAt(),
          b.scratch(),
          b.retryOf(),
          b.context(),
          b.priority(),
          parts.stream().mapToDouble(BuildView.PlatformBuild::queuedSeconds).max().orElse(0),
          parts.stream().mapToDouble(BuildView.PlatformBuild::ranSeconds).max().orElse(0),
          b.queueLimitSeconds(),
          b.timeoutSeconds(),
          b.cancelRequested(),
          b.failure(),
          parts,
          b.candidate(),
          b.waiting(),
          r == null
              ? null
              : new BuildView.Release(
                  r.id(),
                  r.buildId(),
                  r.project(),
                  r.state(),
                  r.digest(),
                  r.policy(),
                  r.policyVersion(),
                  r.decision(),
                  r.openedAt(),
                  r.finishedAt(),
                  tests,
                  targets),
          b.isFinal());
    }
  }
}
