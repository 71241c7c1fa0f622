package dev.grange.scheduler.placement;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.grange.domain.placement.ClusterState;
import dev.grange.domain.placement.ClusterView;
import dev.grange.domain.placement.ClusterView.Pace;
import dev.grange.domain.placement.Lane;
import dev.grange.domain.placement.Placement.Share;
import dev.grange.domain.placement.Placement.Snapshot;
import dev.grange.domain.placement.Queue;
import dev.grange.domain.placement.Work;
import dev.grange.store.Db;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Reads what a round decides by. Its cost goes with lanes, clusters and free slots, not with the
 * length of the queue: lanes are found by skipping through the queue's index, and of each only so
 * many are read as there is room for.
 */
final class Snapshots {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final TypeReference<Map<String, Object>> LABELS = new TypeReference<>() {};

  private final PlacementConfig config;
  private final WarmClusters warm;
  private final int most;

  Snapshots(PlacementConfig config, WarmClusters warm, int most) {
    this.config = config;
    this.warm = warm;
    this.most = most;
  }

  /**
   * What a round looks at.
   *
   * @param names what each lane is called in the database
   * @param images what the heads are, as {@link WarmClusters} names it
   * @param rest how long until the first cluster that is left alone is tried again
   */
  record Look(
      Snapshot snapshot,
      Map<Lane, String> names,
      Map<Work, String> images,
      @Nullable Duration rest) {}

  private record Waiting(
      String name, Lane lane, int weight, boolean overdue, @Nullable Instant served) {}

  Look read(Db.Tx tx) throws SQLException {
    List<Waiting> lanes = lanes(tx);
    Map<Lane, String> names = new LinkedHashMap<>();
    Map<Work, String> images = new HashMap<>();
    Map<Lane, List<Work>> tests = tests(tx);
    if (lanes.isEmpty() && tests.isEmpty()) {
      return new Look(
          new Snapshot(List.of(), List.of(), Map.of(), Map.of(), most), names, images, null);
    }
    Usage usage = usage(tx);
    List<Duration> rests = new ArrayList<>();
    List<ClusterView> clusters = clusters(tx, usage, rests);
    Map<String, Integer> weights = new HashMap<>();
    List<Queue> queues = new ArrayList<>();
    tests.forEach(
        (lane, heads) -> {
          names.put(
              lane,
              "test " + lane.platform() + (lane.cluster() == null ? "" : " " + lane.cluster()));
          queues.add(new Queue(lane, heads, false, null));
        });
    List<Waiting> open = new ArrayList<>();
    List<Integer> rooms = new ArrayList<>();
    for (Waiting waiting : lanes) {
      names.put(waiting.lane(), waiting.name());
      weights.put(waiting.lane().project(), waiting.weight());
      int room = 0;
      for (ClusterView cluster : clusters) {
        room = Math.min(most, room + cluster.room(waiting.lane()));
      }
      if (room > 0) {
        open.add(waiting);
        rooms.add(room);
      } else {
        queues.add(new Queue(waiting.lane(), List.of(), waiting.overdue(), waiting.served()));
      }
    }
    queues.addAll(heads(tx, open, rooms, images));
    return new Look(
        new Snapshot(queues, clusters, usage.shares(), weights, most),
        names,
        images,
        rests.stream().min(Duration::compareTo).orElse(null));
  }

  /** The lanes in which an execution waits that may be placed now. */
  private List<Waiting> lanes(Db.Tx tx) throws SQLException {
    return tx.list(
        """
        WITH RECURSIVE lanes AS (
          (SELECT project, lane FROM execution WHERE state = 'QUEUED' ORDER BY project, lane LIMIT 1)
          UNION ALL
          SELECT n.project, n.lane FROM lanes l CROSS JOIN LATERAL (
            SELECT e.project, e.lane FROM execution e WHERE e.state = 'QUEUED' AND (e.project, e.lane) > (l.project, l.lane)
            ORDER BY e.project, e.lane LIMIT 1) n)
        SELECT l.project, l.lane, h.platform, h.cluster, h.cluster_selector, p.weight, d.served_at,
          greatest(d.served_at, h.queued_at, h.not_before) < now() - make_interval(secs => ?) AS overdue
        FROM lanes l CROSS JOIN LATERAL (
          SELECT e.platform, e.cluster, e.cluster_selector, e.queued_at, e.not_before FROM execution e
          WHERE e.state = 'QUEUED' AND e.project = l.project AND e.lane = l.lane AND (e.not_before IS NULL OR e.not_before <= now())
          ORDER BY e.priority DESC, e.created_at, e.id LIMIT 1) h
        JOIN project p ON p.name = l.project
        LEFT JOIN placement_lane d ON d.project = l.project AND d.lane = l.lane
        """,
        row ->
            new Waiting(
                row.getString("lane"),
                new Lane(
                    row.getString("project"),
                    false,
                    row.getString("platform"),
                    row.getString("cluster"),
                    labels(row, "cluster_selector")),
                row.getInt("weight"),
                row.getBoolean("overdue"),
                Db.instant(row, "served_at")),
        seconds(config.patience()));
  }

  /** The first of each lane, as many as there is room for. */
  private List<Queue> heads(
      Db.Tx tx, List<Waiting> lanes, List<Integer> rooms, Map<Work, String> images)
      throws SQLException {
    if (lanes.isEmpty()) {
      return List.of();
    }
    record Head(int lane, Work work) {}
    List<Head> heads =
        tx.list(
            """
            SELECT q.n, e.id, e.project, e.priority, e.created_at, e.avoid, b.image
            FROM unnest(?::text[], ?::text[], ?::integer[]) WITH ORDINALITY AS q(project, lane, room, n)
            CROSS JOIN LATERAL (
              SELECT e.id, e.project, e.priority, e.created_at, e.build_id,
                CASE WHEN e.refused = '{}' THEN '{}'::text[] ELSE
                  ARRAY(SELECT key FROM jsonb_each_text(e.refused) WHERE value::timestamptz > now() - interval '10 minutes') END AS avoid
              FROM execution e
              WHERE e.state = 'QUEUED' AND e.project = q.project AND e.lane = q.lane AND (e.not_before IS NULL OR e.not_before <= now())
              ORDER BY e.priority DESC, e.created_at, e.id LIMIT q.room) e
            JOIN build b ON b.id = e.build_id
            ORDER BY q.n, e.priority DESC, e.created_at, e.id
            """,
            row -> {
              String image = row.getString("project") + "/" + row.getString("image");
              Work work =
                  new Work(
                      Db.uuid(row, "id"),
                      row.getInt("priority"),
                      Objects.requireNonNull(Db.instant(row, "created_at")),
                      Set.copyOf(Db.texts(row, "avoid")),
                      warm.of(image));
              images.put(work, image);
              return new Head(row.getInt("n") - 1, work);
            },
            lanes.stream().map(l -> l.lane().project()).toList(),
            lanes.stream().map(Waiting::name).toList(),
            rooms.stream().map(String::valueOf).toList());
    List<List<Work>> works = new ArrayList<>();
    lanes.forEach(_ -> works.add(new ArrayList<>()));
    heads.forEach(head -> works.get(head.lane()).add(head.work()));
    List<Queue> queues = new ArrayList<>();
    for (int i = 0; i < lanes.size(); i++) {
      // none at all: somebody took the last one since the lanes were read
      if (!works.get(i).isEmpty()) {
        queues.add(
            new Queue(
                lanes.get(i).lane(), works.get(i), lanes.get(i).overdue(), lanes.get(i).served()));
      }
    }
    return queues;
  }

  /**
   * Tests are few, since they come from builds that had slots: the oldest of each platform. What
   * may be built on one cluster only is tested there too, so that no other one can delay it.
   */
  private Map<Lane, List<Work>> tests(Db.Tx tx) throws SQLException {
    record Test(Lane lane, Work work) {}
    Map<Lane, List<Work>> lanes = new LinkedHashMap<>();
    for (Test test :
        tx.list(
            """
            WITH RECURSIVE platforms AS (
              (SELECT platform FROM test_run WHERE outcome = 'QUEUED' ORDER BY platform LIMIT 1)
              UNION ALL
              SELECT n.platform FROM platforms p CROSS JOIN LATERAL (
                SELECT t.platform FROM test_run t WHERE t.outcome = 'QUEUED' AND t.platform > p.platform ORDER BY t.platform LIMIT 1) n)
            SELECT t.id, b.project, t.platform, b.cluster, t.created_at
            FROM platforms p CROSS JOIN LATERAL (
              SELECT * FROM test_run t WHERE t.outcome = 'QUEUED' AND t.platform = p.platform
                AND (t.not_before IS NULL OR t.not_before <= now())
              ORDER BY t.created_at, t.id LIMIT ?) t
            JOIN release r ON r.id = t.release_id JOIN build b ON b.id = r.build_id
            ORDER BY t.platform, t.created_at, t.id
            """,
            row ->
                new Test(
                    new Lane(
                        row.getString("project"),
                        true,
                        row.getString("platform"),
                        row.getString("cluster"),
                        Map.of()),
                    new Work(
                        Db.uuid(row, "id"),
                        0,
                        Objects.requireNonNull(Db.instant(row, "created_at")),
                        Set.of(),
                        Set.of())),
            most)) {
      lanes.computeIfAbsent(test.lane(), _ -> new ArrayList<>()).add(test.work());
    }
    return lanes;
  }

  /**
   * What holds a slot now.
   *
   * @param used by cluster
   * @param recent of these, begun within the last two seconds
   */
  private record Usage(
      Map<String, Integer> used, Map<String, Integer> recent, Map<Share, Integer> shares) {}

  private static Usage usage(Db.Tx tx) throws SQLException {
    Usage usage = new Usage(new HashMap<>(), new HashMap<>(), new HashMap<>());
    tx.list(
        """
        SELECT a.cluster, coalesce(e.project, b.project) AS project, coalesce(e.platform, t.platform) AS platform, count(*) AS n,
          count(*) FILTER (WHERE a.assigned_at > now() - interval '2 seconds') AS recent
        FROM attempt a LEFT JOIN execution e ON e.id = a.execution_id
        LEFT JOIN test_run t ON t.id = a.test_run_id LEFT JOIN release r ON r.id = t.release_id LEFT JOIN build b ON b.id = r.build_id
        WHERE a.released_at IS NULL GROUP BY 1, 2, 3
        """,
        row -> {
          String cluster = row.getString("cluster");
          int n = row.getInt("n");
          usage.used().merge(cluster, n, Integer::sum);
          usage.recent().merge(cluster, row.getInt("recent"), Integer::sum);
          usage
              .shares()
              .merge(
                  new Share(row.getString("project"), row.getString("platform")), n, Integer::sum);
          return n;
        });
    return usage;
  }

  private List<ClusterView> clusters(Db.Tx tx, Usage usage, List<Duration> rests)
      throws SQLException {
    return tx.list(
        """
        SELECT c.name, c.kind, c.desired, c.desired_by, c.note, c.reachable, c.reachable_changed_at, c.not_before, c.platforms, c.labels,
          c.slots, c.weight, l.expires_at > clock_timestamp() AS held, extract(epoch FROM c.not_before - now()) AS rest,
          CASE WHEN c.errors > 0 THEN (SELECT count(*)::integer FROM attempt a WHERE a.cluster = c.name AND a.released_at IS NULL
            AND (c.not_before IS NULL OR a.assigned_at >= c.not_before)) END AS trials
        FROM cluster c LEFT JOIN lease l ON l.name = 'cluster:' || c.name
        WHERE c.removed_at IS NULL ORDER BY c.name
        """,
        row -> {
          String name = row.getString("name");
          double rest = row.getDouble("rest");
          Instant notBefore = rest > 0 ? Db.instant(row, "not_before") : null;
          if (notBefore != null) {
            rests.add(Duration.ofMillis((long) (rest * 1000) + 20));
          }
          ClusterState state =
              new ClusterState(
                  row.getString("desired"),
                  row.getString("desired_by"),
                  row.getString("note"),
                  row.getObject("reachable", Boolean.class),
                  Db.instant(row, "reachable_changed_at"),
                  notBefore,
                  row.getBoolean("held"));
          Integer tried = row.getObject("trials", Integer.class);
          int starts = Integer.MAX_VALUE;
          if (tried != null) {
            starts = Math.max(0, 1 - tried);
          } else if (row.getString("kind").equals("kubernetes")) {
            starts =
                Math.max(0, 2 * config.createsPerSecond() - usage.recent().getOrDefault(name, 0));
          }
          return new ClusterView(
              name,
              state.closed(),
              Set.copyOf(Db.texts(row, "platforms")),
              labels(row, "labels"),
              row.getInt("slots"),
              usage.used().getOrDefault(name, 0),
              row.getInt("weight"),
              starts,
              tried == null ? Pace.RATE : Pace.TRIAL);
        });
  }

  private static Map<String, String> labels(ResultSet row, String column) throws SQLException {
    try {
      Map<String, String> labels = new HashMap<>();
      JSON.readValue(row.getString(column), LABELS)
          .forEach((key, value) -> labels.put(key, String.valueOf(value)));
      return labels;
    } catch (JsonProcessingException e) {
      throw new AssertionError("jsonb is always JSON", e);
    }
  }

  private static double seconds(Duration duration) {
    return duration.toMillis() / 1000.0;
  }
}
