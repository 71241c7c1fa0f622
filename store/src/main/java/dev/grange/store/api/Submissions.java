package dev.grange.store.api;

import dev.grange.events.BuildEvents;
import dev.grange.events.BuildFacts;
import dev.grange.store.Db;
import dev.grange.store.Outbox;
import jakarta.enterprise.context.ApplicationScoped;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Accepts builds. */
@ApplicationScoped
public class Submissions {

  /**
   * The build with all its rows in one statement. When the key is taken, {@code key} is empty and
   * so is everything after it: nothing fails, nothing is half-written. A concurrent submission with
   * the same key makes this one wait until that one has committed (ON CONFLICT under READ
   * COMMITTED), so a second look finds its build.
   */
  private static final String WITH_KEY =
      """
      WITH key AS (
        INSERT INTO idempotency_key (principal, key, body, build_id) VALUES (?, ?, ?, ?)
        ON CONFLICT (principal, key) DO NOTHING RETURNING build_id
      ),
      """;

  private static final String WITHOUT_KEY = "WITH key AS (SELECT 1),\n";

  private static final String INSERT =
      """
      made AS (
        INSERT INTO build (id, project, image, tags, containerfile, context, args, labels, target, platforms, priority,
                           timeout_seconds, queue_seconds, scratch, cluster, cluster_selector, principal, retry_of)
        SELECT ?::uuid, ?, ?, ?::text[], ?, ?, ?::jsonb, ?::jsonb, ?, ?::text[], ?, ?, ?, ?, ?, ?::jsonb, ?, ?::uuid FROM key
        RETURNING id, project, priority, queue_seconds, cluster, cluster_selector, created_at
      ),
      wanted AS (
        SELECT * FROM unnest(?::text[]::uuid[], ?::text[]::uuid[], ?::text[], ?::text[])
          AS w (execution_id, platform_build_id, platform, input_digest)
      ),
      queued AS (
        INSERT INTO execution (id, project, platform, input_digest, build_id, priority, queue_deadline, cluster, cluster_selector)
        SELECT w.execution_id, m.project, w.platform, w.input_digest, m.id, m.priority,
               m.created_at + make_interval(secs => m.queue_seconds), m.cluster, m.cluster_selector
        FROM made m CROSS JOIN wanted w
      ),
      parts AS (
        INSERT INTO platform_build (id, build_id, platform, execution_id)
        SELECT w.platform_build_id, m.id, w.platform, w.execution_id FROM made m CROSS JOIN wanted w
      )
      SELECT created_at FROM made
      """;

  private final Db db;
  private final Ids ids;

  public Submissions(Db db, Ids ids) {
    this.db = db;
    this.ids = ids;
  }

  /** What a submission is checked against. */
  public record Surroundings(
      boolean projectExists, @Nullable String contextBlob, boolean clusterExists) {}

  /** Whether the project is there, and what the context is made of, in one look. */
  public Surroundings surroundings(
      String project, @Nullable String context, @Nullable String cluster) throws SQLException {
    return db.first(
            """
            SELECT EXISTS (SELECT FROM project WHERE name = ?),
                   (SELECT blob FROM context WHERE project = ? AND digest = ?),
                   ?::text IS NULL OR EXISTS (SELECT FROM cluster WHERE name = ? AND removed_at IS NULL)
            """,
            row -> new Surroundings(row.getBoolean(1), row.getString(2), row.getBoolean(3)),
            project,
            project,
            context,
            cluster,
            cluster)
        .orElseThrow();
  }

  /**
   * Writes the key, the build, an execution and a platform build for each platform, and the event,
   * in one transaction of two statements.
   *
   * @param farm the source of the event
   */
  public NewBuild.Outcome submit(NewBuild build, NewBuild.@Nullable Key key, String farm)
      throws SQLException {
    UUID id = ids.next();
    return db.call(tx -> submit(tx, id, build, key, farm));
  }

  private NewBuild.Outcome submit(
      Db.Tx tx, UUID id, NewBuild build, NewBuild.@Nullable Key key, String farm)
      throws SQLException {
    List<@Nullable Object> arguments = new ArrayList<>();
    if (key != null) {
      arguments.addAll(
          Arrays.asList(build.principal(), key.key(), HexFormat.of().parseHex(key.body()), id));
    }
    arguments.addAll(
        Arrays.asList(
            id,
            build.project(),
            build.image(),
            build.tags(),
            build.containerfile(),
            build.context(),
            build.args(),
            build.labels(),
            build.target(),
            build.platforms(),
            build.priority(),
            build.timeoutSeconds(),
            build.queueSeconds(),
            build.scratch(),
            build.cluster(),
            build.clusterSelector(),
            build.principal(),
            build.retryOf(),
            newIds(build),
            newIds(build),
            build.platforms(),
            build.executions().stream().map(NewBuild.Execution::inputDigest).toList()));
    Optional<Instant> createdAt =
        tx.first(
            (key == null ? WITHOUT_KEY : WITH_KEY) + INSERT,
            row -> Objects.requireNonNull(Db.instant(row, "created_at")),
            arguments.toArray());
    if (createdAt.isEmpty()) {
      return earlier(tx, build.principal(), Objects.requireNonNull(key));
    }
    Outbox.append(
        tx,
        BuildEvents.queued(
            farm,
            new BuildFacts(
                id,
                build.project(),
                build.image(),
                build.tags(),
                build.platforms(),
                build.principal(),
                build.scratch(),
                build.retryOf()),
            createdAt.get()));
    return new NewBuild.Outcome.Accepted(id, true);
  }

  private List<String> newIds(NewBuild build) {
    return build.executions().stream().map(execution -> ids.next().toString()).toList();
  }

  private static NewBuild.Outcome earlier(Db.Tx tx, String principal, NewBuild.Key key)
      throws SQLException {
    return tx.first(
            "SELECT build_id, body FROM idempotency_key WHERE principal = ? AND key = ?",
            row ->
                HexFormat.of().formatHex(row.getBytes("body")).equals(key.body())
                    ? new NewBuild.Outcome.Accepted(Db.uuid(row, "build_id"), false)
                    : new NewBuild.Outcome.KeyReused(),
            principal,
            key.key())
        .orElseThrow();
  }

  /** What a build was asked for: everything that a retry asks for again. */
  public Optional<Asked> asked(UUID id) throws SQLException {
    return db.first(
        """
        SELECT b.*, c.blob AS context_blob FROM build b
        LEFT JOIN context c ON c.project = b.project AND c.digest = b.context WHERE b.id = ?
        """,
        Submissions::asked,
        id);
  }

  /**
   * A stored submission.
   *
   * @param args a JSON object
   * @param labels a JSON object
   * @param clusterSelector a JSON object
   */
  public record Asked(
      String state,
      String project,
      String image,
      List<String> tags,
      String containerfile,
      @Nullable String context,
      @Nullable String contextBlob,
      String args,
      String labels,
      @Nullable String target,
      List<String> platforms,
      int priority,
      int timeoutSeconds,
      int queueSeconds,
      boolean scratch,
      @Nullable String cluster,
      String clusterSelector) {}

  private static Asked asked(ResultSet row) throws SQLException {
    return new Asked(
        row.getString("state"),
        row.getString("project"),
        row.getString("image"),
        Db.texts(row, "tags"),
        row.getString("containerfile"),
        row.getString("context"),
        row.getString("context_blob"),
        row.getString("args"),
        row.getString("labels"),
        row.getString("target"),
        Db.texts(row, "platforms"),
        row.getInt("priority"),
        row.getInt("timeout_seconds"),
        row.getInt("queue_seconds"),
        row.getBoolean("scratch"),
        row.getString("cluster"),
        row.getString("cluster_selector"));
  }
}
