package dev.grange.store.api;

import dev.grange.domain.placement.NodeHealth.Avoided;
import dev.grange.store.Db;
import dev.grange.store.Nodes;
import jakarta.enterprise.context.ApplicationScoped;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Reads where a build's executions are, and why some are nowhere: the reason of their lane, as the
 * last round stored it, and their own place in the queue, as it is now.
 */
@ApplicationScoped
public class Placements {

  private static final String OF_BUILD =
      """
      SELECT p.platform, p.state, e.not_before, e.priority, e.cluster AS pinned, e.cluster_selector, e.queue_deadline,
        extract(epoch FROM now() - e.queued_at) AS waited, w.name AS project, w.weight,
        CASE WHEN e.not_before > now() THEN true ELSE false END AS rests,
        ARRAY(SELECT key FROM jsonb_each_text(e.refused) WHERE value::timestamptz > now() - interval '10 minutes' ORDER BY key) AS refused,
        d.reason, d.message, d.clusters, d.decided_at, a.cluster, a.node, a.state AS attempt_state, a.reason AS attempt_reason,
        extract(epoch FROM now() - a.assigned_at) AS assigned_for
      FROM platform_build p JOIN execution e ON e.id = p.execution_id JOIN project w ON w.name = e.project
      LEFT JOIN placement_lane d ON d.project = e.project AND d.lane = e.lane AND e.state = 'QUEUED'
      LEFT JOIN LATERAL (
        SELECT cluster, node, state, reason, assigned_at FROM attempt WHERE execution_id = e.id ORDER BY number DESC LIMIT 1) a ON true
      WHERE p.build_id = ? ORDER BY p.platform
      """;

  /** Counted by the queue's index: what is before it in its lane, and what waits there at all. */
  private static final String PLACE =
      """
      SELECT
        (SELECT count(*) FROM execution q WHERE q.state = 'QUEUED' AND q.project = e.project AND q.lane = e.lane
          AND (q.priority > e.priority OR (q.priority = e.priority AND (q.created_at, q.id) < (e.created_at, e.id)))) AS ahead,
        (SELECT count(*) FROM execution q WHERE q.state = 'QUEUED' AND q.project = e.project AND q.lane = e.lane) AS waiting,
        u.running, u.total
      FROM platform_build p JOIN execution e ON e.id = p.execution_id
      CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE coalesce(x.project, b.project) = e.project) AS running, count(*) AS total
        FROM attempt a LEFT JOIN execution x ON x.id = a.execution_id
        LEFT JOIN test_run t ON t.id = a.test_run_id LEFT JOIN release r ON r.id = t.release_id LEFT JOIN build b ON b.id = r.build_id
        WHERE a.released_at IS NULL AND coalesce(x.platform, t.platform) = e.platform) u
      WHERE p.build_id = ? AND p.platform = ? AND e.state = 'QUEUED'
      """;

  private static final String WAITING_TEST =
      """
      SELECT d.message FROM test_run t JOIN release r ON r.id = t.release_id JOIN build b ON b.id = r.build_id
      JOIN placement_lane d ON d.project = b.project AND d.lane = concat_ws(' ', 'test', t.platform, b.cluster)
      WHERE r.build_id = ? AND t.outcome = 'QUEUED' AND d.message IS NOT NULL ORDER BY t.created_at LIMIT 1
      """;

  private final Db db;

  public Placements(Db db) {
    this.db = db;
  }

  /**
   * One platform of a build.
   *
   * @param notBefore a retry waits until then; null when it does not
   * @param wants labels that it asks a cluster for, a JSON object
   * @param waited seconds since it was submitted or came back to the queue
   * @param deadline when it has waited for too long
   * @param weight of its project
   * @param refused clusters where it failed lately: taken last
   * @param clusters why each cluster did not take it, a JSON object
   * @param cluster that has or had the newest attempt
   * @param assignedFor seconds since that attempt was given its slot
   */
  public record Placement(
      String platform,
      String state,
      String project,
      int weight,
      int priority,
      @Nullable String pinned,
      String wants,
      double waited,
      Instant deadline,
      @Nullable Instant notBefore,
      List<String> refused,
      @Nullable String reason,
      @Nullable String message,
      @Nullable String clusters,
      @Nullable Instant decidedAt,
      @Nullable String cluster,
      @Nullable String node,
      @Nullable String attemptState,
      @Nullable String attemptReason,
      double assignedFor) {}

  /**
   * A place in the queue.
   *
   * @param ahead that go before it: of its project, for the same clusters
   * @param waiting of its project, for the same clusters, itself among them
   * @param running slots that its project has for the platform
   * @param total slots that all have for the platform
   */
  public record Place(long ahead, long waiting, long running, long total) {}

  public List<Placement> ofBuild(UUID build) throws SQLException {
    return db.list(OF_BUILD, Placements::placement, build);
  }

  private static Placement placement(ResultSet row) throws SQLException {
    boolean rests = row.getBoolean("rests");
    return new Placement(
        row.getString("platform"),
        row.getString("state"),
        row.getString("project"),
        row.getInt("weight"),
        row.getInt("priority"),
        row.getString("pinned"),
        row.getString("cluster_selector"),
        row.getDouble("waited"),
        Objects.requireNonNull(Db.instant(row, "queue_deadline")),
        rests ? Db.instant(row, "not_before") : null,
        Db.texts(row, "refused"),
        rests ? null : row.getString("reason"),
        rests ? null : row.getString("message"),
        rests ? null : row.getString("clusters"),
        rests ? null : Db.instant(row, "decided_at"),
        row.getString("cluster"),
        row.getString("node"),
        row.getString("attempt_state"),
        row.getString("attempt_reason"),
        row.getDouble("assigned_for"));
  }

  /** The place of what waits; null when it waits no more. */
  public @Nullable Place place(UUID build, String platform) throws SQLException {
    return db.first(
            PLACE,
            row ->
                new Place(
                    row.getLong("ahead"),
                    row.getLong("waiting"),
                    row.getLong("running"),
                    row.getLong("total")),
            build,
            platform)
        .orElse(null);
  }

  /** Why a test of the build's release has no slot; null when none waits for one. */
  public @Nullable String waitingTest(UUID build) throws SQLException {
    return db.first(WAITING_TEST, row -> row.getString("message"), build).orElse(null);
  }

  /** Nodes that new workers are kept away from, by cluster. */
  public Map<String, List<Avoided>> avoidedNodes() throws SQLException {
    List<String> clusters =
        db.list(
            "SELECT name FROM cluster WHERE removed_at IS NULL ORDER BY name",
            row -> row.getString("name"));
    return Nodes.avoided(db, clusters);
  }
}
