package dev.grange.store.api;

import dev.grange.store.Db;
import jakarta.enterprise.context.ApplicationScoped;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Reads where a build's executions are, and why some are nowhere. */
@ApplicationScoped
public class Placements {

  private static final String OF_BUILD =
      """
      SELECT p.platform, p.state, e.not_before, d.reason, d.message, d.clusters, a.cluster
      FROM platform_build p JOIN execution e ON e.id = p.execution_id
      LEFT JOIN placement_lane d ON d.project = e.project AND d.lane = e.lane AND e.state = 'QUEUED'
        AND (e.not_before IS NULL OR e.not_before <= now())
      LEFT JOIN LATERAL (SELECT cluster FROM attempt WHERE execution_id = e.id ORDER BY number DESC LIMIT 1) a ON true
      WHERE p.build_id = ? ORDER BY p.platform
      """;

  private final Db db;

  public Placements(Db db) {
    this.db = db;
  }

  /**
   * One platform of a build.
   *
   * @param notBefore a retry waits until then
   * @param clusters why each cluster did not take it, a JSON object
   * @param cluster that has or had the newest attempt
   */
  public record Placement(
      String platform,
      String state,
      @Nullable Instant notBefore,
      @Nullable String reason,
      @Nullable String message,
      @Nullable String clusters,
      @Nullable String cluster) {}

  public List<Placement> ofBuild(UUID build) throws SQLException {
    return db.call(
        tx ->
            tx.list(
                OF_BUILD,
                row ->
                    new Placement(
                        row.getString("platform"),
                        row.getString("state"),
                        Db.instant(row, "not_before"),
                        row.getString("reason"),
                        row.getString("message"),
                        row.getString("clusters"),
                        row.getString("cluster")),
                build));
  }
}
