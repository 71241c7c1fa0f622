package dev.grange.store;

import dev.grange.domain.placement.NodeHealth;
import dev.grange.domain.placement.NodeHealth.Avoided;
import dev.grange.domain.placement.NodeHealth.End;
import dev.grange.domain.placement.NodeHealth.Past;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/** How a cluster's nodes did lately, counted from their attempts whenever somebody asks. */
public final class Nodes {
  private Nodes() {}

  /** Enough to see every node of a cluster that is of any size, and soon read. */
  private static final int MOST = 500;

  private static final String PAST =
      """
      SELECT a.cluster, a.node, a.state = 'SUCCEEDED' OR a.fault = 'USER' AS good, coalesce(a.reason, '') AS reason, a.finished_at
      FROM unnest(?::text[]) AS c(name) CROSS JOIN LATERAL (
        SELECT * FROM attempt a WHERE a.cluster = c.name AND a.node IS NOT NULL AND a.finished_at > now() - make_interval(secs => ?)
          AND (a.state = 'SUCCEEDED' OR a.fault IN ('USER', 'INFRA') OR a.reason = 'NodeLost')
        ORDER BY a.finished_at DESC LIMIT ?) a
      ORDER BY a.cluster, a.finished_at DESC
      """;

  /** The nodes to be avoided, by cluster; a cluster without any is left out. */
  public static Map<String, List<Avoided>> avoided(Db db, List<String> clusters)
      throws SQLException {
    Map<String, List<Past>> past = new TreeMap<>();
    db.list(
        PAST,
        row ->
            past.computeIfAbsent(row.getString("cluster"), _ -> new ArrayList<>())
                .add(
                    new Past(
                        row.getString("node"),
                        row.getBoolean("good") ? End.GOOD : End.BAD,
                        row.getString("reason"),
                        Objects.requireNonNull(Db.instant(row, "finished_at")))),
        clusters,
        (double) NodeHealth.WINDOW.toSeconds(),
        MOST);
    Map<String, List<Avoided>> avoided = new TreeMap<>();
    past.forEach(
        (cluster, attempts) -> {
          List<Avoided> nodes = NodeHealth.avoided(attempts);
          if (!nodes.isEmpty()) {
            avoided.put(cluster, nodes);
          }
        });
    return avoided;
  }
}
