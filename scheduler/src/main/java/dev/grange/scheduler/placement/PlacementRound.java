package dev.grange.scheduler.placement;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.grange.domain.build.Failure;
import dev.grange.domain.build.Fault;
import dev.grange.domain.build.Reason;
import dev.grange.domain.placement.Lane;
import dev.grange.domain.placement.Placement;
import dev.grange.domain.placement.Placement.Assignment;
import dev.grange.domain.placement.Placement.Refusal;
import dev.grange.events.AttemptFacts;
import dev.grange.events.BuildEvents;
import dev.grange.events.PlatformBuildFacts;
import dev.grange.events.ReleaseEvents;
import dev.grange.events.TestRunFacts;
import dev.grange.scheduler.FarmConfig;
import dev.grange.scheduler.Loop;
import dev.grange.scheduler.Uuids;
import dev.grange.scheduler.Wakeups;
import dev.grange.scheduler.Wakeups.Chore;
import dev.grange.scheduler.attempt.Attempt;
import dev.grange.scheduler.attempt.AttemptRunner;
import dev.grange.scheduler.build.BuildRow;
import dev.grange.scheduler.build.Outcomes;
import dev.grange.scheduler.build.Outcomes.End;
import dev.grange.scheduler.cluster.ClusterGateway;
import dev.grange.scheduler.lease.Leases;
import dev.grange.scheduler.release.Releases;
import dev.grange.store.Db;
import dev.grange.store.Outbox;
import jakarta.enterprise.context.ApplicationScoped;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * One transaction: read the heads of the queue and the clusters, ask {@link Placement}, write
 * attempts and the reasons of the lanes in which something is left.
 *
 * <p>An advisory lock lets one scheduler at a time place. It keeps two from wasting work; what
 * keeps a slot from being given twice and a build from running twice are the indexes on {@code
 * attempt} and the conditions of the one INSERT. The clusters' leases are locked FOR SHARE until
 * the attempts are committed: so whoever takes the lease over sees the attempt and stamps it.
 */
@ApplicationScoped
public class PlacementRound {
  /**
   * Held while the queue is changed: by this round, by cancelling and by expiring. Any number will
   * do.
   */
  public static final long QUEUE_LOCK = 0x6772616e6765L;

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration IDLE = Duration.ofSeconds(30);
  private static final Duration PACE = Duration.ofSeconds(1);

  /** What one round places at most: it is short, and the next one follows at once. */
  private static final int MOST = 50;

  /** What an attempt may take beyond the build itself: fetching, pushing, a slow start. */
  private static final int OVERHEAD_SECONDS = 3600;

  private final Db db;
  private final Uuids uuids;
  private final AttemptRunner runner;
  private final Outcomes outcomes;
  private final Releases releases;
  private final Wakeups wakeups;
  private final String farm;
  private final WarmClusters warm = new WarmClusters();
  private final Snapshots snapshots;
  private volatile Duration next = IDLE;
  private boolean lanesStored = true;
  private @Nullable Loop loop;

  PlacementRound(
      Db db,
      Uuids uuids,
      AttemptRunner runner,
      Outcomes outcomes,
      Releases releases,
      Wakeups wakeups,
      PlacementConfig config,
      FarmConfig farm) {
    this.db = db;
    this.uuids = uuids;
    this.runner = runner;
    this.outcomes = outcomes;
    this.releases = releases;
    this.wakeups = wakeups;
    this.farm = farm.name();
    this.snapshots = new Snapshots(config, warm, MOST);
  }

  public void start() {
    Loop placing = Loop.start("placement", () -> next, this::round);
    loop = placing;
    wakeups.register(Chore.PLACEMENT, placing::wake);
  }

  public void stop() {
    Loop placing = loop;
    if (placing != null) {
      placing.stop();
    }
  }

  /**
   * What a round has written.
   *
   * @param next when to look again without being asked
   * @param more whether there is more to place at once
   * @param waits whether something waits in a lane
   */
  private record Placed(
      List<Attempt> attempts, List<UUID> builds, Duration next, boolean more, boolean waits) {}

  boolean round() throws SQLException {
    Placed placed = db.call(this::place);
    next = placed.next();
    lanesStored = placed.waits();
    if (!placed.attempts().isEmpty()) {
      runner.takeOn(placed.attempts());
      wakeups.changed(EnumSet.of(Chore.ATTEMPTS, Chore.RELAY), placed.builds());
    }
    return placed.more();
  }

  private Placed place(Db.Tx tx) throws SQLException {
    lockQueue(tx);
    Snapshots.Look look = snapshots.read(tx);
    Placement.Plan plan = Placement.plan(look.snapshot());
    List<Attempt> attempts = new ArrayList<>();
    Set<UUID> builds = new TreeSet<>();
    List<Assignment> assignments = plan.assignments();
    if (!assignments.isEmpty()) {
      lockLeases(tx, assignments);
      assignBuilds(
          tx, assignments.stream().filter(a -> !a.lane().test()).toList(), attempts, builds);
      assignTests(tx, assignments.stream().filter(a -> a.lane().test()).toList(), attempts, builds);
      for (Assignment one : assignments) {
        String image = look.images().get(one.work());
        if (image != null) {
          warm.built(image, one.cluster());
        }
      }
    }
    boolean waits = explain(tx, look.names(), plan);
    return new Placed(
        attempts,
        List.copyOf(builds),
        nextLook(look, plan, attempts.size()),
        assignments.size() == MOST && !attempts.isEmpty(),
        waits);
  }

  /** Clusters that are paced or rest take work again by themselves: nobody wakes a round then. */
  private static Duration nextLook(Snapshots.Look look, Placement.Plan plan, int made) {
    boolean soon =
        made < plan.assignments().size()
            || plan.refusals().stream().anyMatch(r -> r.why() == Placement.Wait.PACED);
    Duration next = soon ? PACE : IDLE;
    Duration rest = look.rest();
    return rest != null && rest.compareTo(next) < 0 ? rest : next;
  }

  public static void lockQueue(Db.Tx tx) throws SQLException {
    tx.first("SELECT pg_advisory_xact_lock(?)", _ -> true, QUEUE_LOCK);
  }

  /** In the order in which they are renewed: else round and renewal could wait for each other. */
  private static void lockLeases(Db.Tx tx, List<Assignment> assignments) throws SQLException {
    tx.list(
        "SELECT 1 FROM lease WHERE name = ANY(?) ORDER BY name FOR SHARE",
        _ -> true,
        assignments.stream().map(a -> Leases.ofCluster(a.cluster())).distinct().toList());
  }

  private void assignBuilds(
      Db.Tx tx, List<Assignment> assignments, List<Attempt> attempts, Set<UUID> touched)
      throws SQLException {
    if (assignments.isEmpty()) {
      return;
    }
    List<String> executions = assignments.stream().map(a -> a.work().id().toString()).toList();
    Map<UUID, BuildRow> builds = new HashMap<>();
    List<UUID> ids =
        tx.list(
            "SELECT DISTINCT build_id FROM platform_build WHERE execution_id = ANY(?::uuid[])",
            row -> Db.uuid(row, "build_id"),
            executions);
    for (BuildRow build : BuildRow.lock(tx, ids)) {
      builds.put(build.id(), build);
    }
    List<String> attemptIds = assignments.stream().map(a -> uuids.next().toString()).toList();
    List<Attempt> made =
        tx.list(
            """
            INSERT INTO attempt AS a (id, kind, execution_id, number, cluster, epoch, pod_name, deadline, repository, queued_at)
            SELECT w.id, 'BUILD', e.id, 1 + (SELECT count(*) FROM attempt p WHERE p.execution_id = e.id), w.cluster, l.epoch, w.pod_name,
              now() + make_interval(secs => b.timeout_seconds + ?), 'attempts/' || w.id, e.queued_at
            FROM unnest(?::uuid[], ?::uuid[], ?::text[], ?::text[]) AS w(id, execution_id, cluster, pod_name)
            JOIN execution e ON e.id = w.execution_id AND e.state = 'QUEUED'
            JOIN build b ON b.id = e.build_id
            JOIN cluster c ON c.name = w.cluster AND c.desired = 'ACTIVE' AND c.removed_at IS NULL
            JOIN lease l ON l.name = 'cluster:' || w.cluster AND l.expires_at > clock_timestamp()
            WHERE NOT EXISTS (SELECT FROM request q WHERE q.build_id = b.id AND q.command = 'cancel' AND q.answer IS NULL)
            RETURNING
            """
                + Attempt.COLUMNS,
            Attempt::of,
            OVERHEAD_SECONDS,
            attemptIds,
            executions,
            assignments.stream().map(Assignment::cluster).toList(),
            attemptIds.stream().map(id -> ClusterGateway.podName(UUID.fromString(id))).toList());
    if (made.isEmpty()) {
      return;
    }
    attempts.addAll(made);
    Map<UUID, AttemptFacts> byExecution = new HashMap<>();
    made.forEach(a -> byExecution.put(a.executionId(), a.facts(null)));
    List<String> placed = byExecution.keySet().stream().map(UUID::toString).toList();
    record Begun(UUID build, boolean first, PlatformBuildFacts facts) {}
    List<Begun> begun =
        tx.list(
            """
            WITH placed AS (SELECT unnest(?::uuid[]) AS execution),
              running AS (UPDATE execution e SET state = 'RUNNING', not_before = NULL FROM placed WHERE e.id = placed.execution),
              begun AS (UPDATE platform_build p SET state = 'RUNNING', started_at = coalesce(started_at, now())
                FROM placed WHERE p.execution_id = placed.execution AND p.state = 'QUEUED' RETURNING p.build_id, p.id, p.execution_id, p.platform),
              started AS (UPDATE build b SET state = 'RUNNING', started_at = now()
                WHERE b.id IN (SELECT build_id FROM begun) AND b.state = 'QUEUED' RETURNING b.id)
            SELECT begun.*, started.id IS NOT NULL AS first FROM begun LEFT JOIN started ON started.id = begun.build_id
            """,
            row ->
                new Begun(
                    Db.uuid(row, "build_id"), row.getBoolean("first"), Outcomes.platformBuild(row)),
            placed);
    Set<UUID> announced = new TreeSet<>();
    for (Begun one : begun) {
      BuildRow build = builds.get(one.build());
      AttemptFacts attempt = byExecution.get(one.facts().executionId());
      if (build == null || attempt == null) {
        continue;
      }
      if (one.first() && announced.add(build.id())) {
        Outbox.append(tx, BuildEvents.started(farm, build.facts(), build.now()));
      }
      Outbox.append(
          tx, BuildEvents.platformStarted(farm, build.facts(), one.facts(), attempt, build.now()));
      touched.add(build.id());
    }
  }

  private void assignTests(
      Db.Tx tx, List<Assignment> assignments, List<Attempt> attempts, Set<UUID> touched)
      throws SQLException {
    if (assignments.isEmpty()) {
      return;
    }
    List<String> runs = assignments.stream().map(a -> a.work().id().toString()).toList();
    Map<UUID, BuildRow> builds = new HashMap<>();
    List<UUID> ids =
        tx.list(
            "SELECT DISTINCT r.build_id FROM test_run t JOIN release r ON r.id = t.release_id WHERE"
                + " t.id = ANY(?::uuid[])",
            row -> Db.uuid(row, "build_id"),
            runs);
    for (BuildRow build : BuildRow.lock(tx, ids)) {
      builds.put(build.id(), build);
    }
    List<String> attemptIds = assignments.stream().map(a -> uuids.next().toString()).toList();
    List<Attempt> made =
        tx.list(
            """
            INSERT INTO attempt AS a (id, kind, test_run_id, number, cluster, epoch, pod_name, deadline, queued_at)
            SELECT w.id, 'TEST', t.id, 1 + (SELECT count(*) FROM attempt p WHERE p.test_run_id = t.id), w.cluster, l.epoch, w.pod_name,
              now() + make_interval(secs => t.timeout_seconds + ?), t.queued_at
            FROM unnest(?::uuid[], ?::uuid[], ?::text[], ?::text[]) AS w(id, test_run_id, cluster, pod_name)
            JOIN test_run t ON t.id = w.test_run_id AND t.outcome = 'QUEUED'
            JOIN cluster c ON c.name = w.cluster AND c.desired = 'ACTIVE' AND c.removed_at IS NULL
            JOIN lease l ON l.name = 'cluster:' || w.cluster AND l.expires_at > clock_timestamp()
            RETURNING
            """
                + Attempt.COLUMNS,
            Attempt::of,
            OVERHEAD_SECONDS,
            attemptIds,
            runs,
            assignments.stream().map(Assignment::cluster).toList(),
            attemptIds.stream().map(id -> ClusterGateway.podName(UUID.fromString(id))).toList());
    attempts.addAll(made);
    for (Attempt attempt : made) {
      record Begun(UUID build, TestRunFacts facts) {}
      List<Begun> begun =
          tx.list(
              """
              UPDATE test_run t SET outcome = 'RUNNING' FROM release r WHERE r.id = t.release_id AND t.id = ? AND t.outcome = 'QUEUED'
              RETURNING r.build_id, t.id, t.test_case, t.platform, t.scenario
              """,
              row -> new Begun(Db.uuid(row, "build_id"), Releases.testRun(row)),
              attempt.testRunId());
      for (Begun one : begun) {
        BuildRow build = builds.get(one.build());
        if (build != null) {
          Outbox.append(
              tx,
              ReleaseEvents.testStarted(
                  farm,
                  releases.facts(tx, build).orElseThrow(),
                  one.facts(),
                  attempt.facts(null),
                  build.now()));
          touched.add(build.id());
        }
      }
    }
  }

  /**
   * Stores why what is left in a lane waits, when that is not what is stored, and when a lane was
   * served of which more waits.
   *
   * @return whether anything waits
   */
  private boolean explain(Db.Tx tx, Map<Lane, String> names, Placement.Plan plan)
      throws SQLException {
    Map<Lane, Refusal> why = new HashMap<>();
    plan.refusals().forEach(refusal -> why.put(refusal.lane(), refusal));
    Set<Lane> served = new HashSet<>();
    plan.assignments().forEach(assignment -> served.add(assignment.lane()));
    // without a reason: more of it is placed in the next round, which follows at once
    boolean cut = plan.assignments().size() == MOST;
    List<Lane> waiting =
        names.keySet().stream()
            .filter(lane -> why.containsKey(lane) || (cut && served.contains(lane)))
            .toList();
    if (lanesStored || !waiting.isEmpty()) {
      tx.update(
          """
          WITH w AS (
            SELECT * FROM unnest(?::text[], ?::text[], ?::text[], ?::text[], ?::jsonb[], ?::boolean[])
              AS w(project, lane, reason, message, clusters, served)),
          stored AS (
            INSERT INTO placement_lane AS d (project, lane, reason, message, clusters, served_at)
            SELECT w.project, w.lane, w.reason, w.message, w.clusters, CASE WHEN w.served THEN now() END
            FROM w LEFT JOIN placement_lane o ON o.project = w.project AND o.lane = w.lane
            WHERE w.served OR o.project IS NULL
              OR (o.reason, o.message, o.clusters) IS DISTINCT FROM (w.reason, w.message, w.clusters)
            ON CONFLICT (project, lane) DO UPDATE
              SET reason = EXCLUDED.reason, message = EXCLUDED.message, clusters = EXCLUDED.clusters,
                served_at = coalesce(EXCLUDED.served_at, d.served_at),
                decided_at = CASE WHEN (d.reason, d.message, d.clusters) IS DISTINCT FROM
                  (EXCLUDED.reason, EXCLUDED.message, EXCLUDED.clusters) THEN now() ELSE d.decided_at END)
          DELETE FROM placement_lane d WHERE NOT EXISTS (SELECT FROM w WHERE w.project = d.project AND w.lane = d.lane)
          """,
          waiting.stream().map(Lane::project).toList(),
          waiting.stream().map(names::get).toList(),
          texts(waiting, lane -> why.containsKey(lane) ? why.get(lane).why().code() : null),
          texts(waiting, lane -> why.containsKey(lane) ? why.get(lane).message() : null),
          texts(waiting, lane -> why.containsKey(lane) ? json(why.get(lane).clusters()) : "{}"),
          texts(waiting, lane -> String.valueOf(served.contains(lane))));
    }
    return !waiting.isEmpty();
  }

  private static List<@Nullable String> texts(
      List<Lane> lanes, Function<Lane, @Nullable String> text) {
    List<@Nullable String> all = new ArrayList<>();
    lanes.forEach(lane -> all.add(text.apply(lane)));
    return all;
  }

  private static String json(Map<String, String> map) {
    try {
      return JSON.writeValueAsString(map);
    } catch (JsonProcessingException e) {
      throw new AssertionError("a map of texts is always JSON", e);
    }
  }

  /**
   * Ends executions and tests that have waited longer than their submission allows.
   *
   * @return how many there were
   */
  public int expire() throws SQLException {
    Set<UUID> touched = new TreeSet<>();
    int ended =
        db.call(
            tx -> {
              touched.clear();
              return expireExecutions(tx, touched) + expireTests(tx, touched);
            });
    if (!touched.isEmpty()) {
      wakeups.changed(EnumSet.of(Chore.RELAY), touched);
    }
    return ended;
  }

  private int expireExecutions(Db.Tx tx, Set<UUID> touched) throws SQLException {
    List<UUID> late =
        tx.list(
            "SELECT id FROM execution WHERE state = 'QUEUED' AND queue_deadline < now()"
                + " ORDER BY id LIMIT 100",
            row -> Db.uuid(row, "id"));
    if (late.isEmpty()) {
      return 0;
    }
    lockQueue(tx);
    for (UUID execution : late) {
      List<BuildRow> builds = outcomes.lockBuildsOf(tx, execution);
      boolean still =
          tx.first(
                  "SELECT 1 FROM execution WHERE id = ? AND state = 'QUEUED'", _ -> true, execution)
              .isPresent();
      if (still) {
        builds.forEach(build -> touched.add(build.id()));
        Failure failure = expired(tx, execution);
        Fault fault = failure.reason().fault().orElse(Fault.INFRA);
        var _ = outcomes.end(tx, builds, execution, null, new End.Failed(fault, failure));
      }
    }
    return late.size();
  }

  /** A test that nobody runs is not a pass: it ends as an error, and blocks. */
  private int expireTests(Db.Tx tx, Set<UUID> touched) throws SQLException {
    record Late(UUID test, UUID build) {}
    List<Late> late =
        tx.list(
            """
            SELECT t.id, b.id AS build_id FROM test_run t JOIN release r ON r.id = t.release_id JOIN build b ON b.id = r.build_id
            WHERE t.outcome = 'QUEUED' AND t.created_at + make_interval(secs => b.queue_seconds) < now()
              AND (t.queued_at = t.created_at OR t.queued_at + interval '1 hour' < now())
            ORDER BY t.id LIMIT 100
            """,
            row -> new Late(Db.uuid(row, "id"), Db.uuid(row, "build_id")));
    if (late.isEmpty()) {
      return 0;
    }
    lockQueue(tx);
    for (Late one : late) {
      BuildRow build = BuildRow.lock(tx, List.of(one.build())).getFirst();
      touched.add(build.id());
      releases.giveUp(tx, build, one.test(), "no cluster had a slot for it in time");
    }
    return late.size();
  }

  private static Failure expired(Db.Tx tx, UUID execution) throws SQLException {
    record Told(String reason, String message) {}
    Told last =
        tx.first(
                "SELECT d.reason, d.message FROM execution e JOIN placement_lane d ON d.project ="
                    + " e.project AND d.lane = e.lane WHERE e.id = ? AND d.reason IS NOT NULL",
                row -> new Told(row.getString("reason"), row.getString("message")),
                execution)
            .orElse(new Told("", "no round has looked at it"));
    // both are somebody's to mend: a registration, or what the build asks for
    return last.reason().equals(Placement.Wait.NO_CLUSTER_FOR_PLATFORM.code())
            || last.reason().equals(Placement.Wait.NO_CLUSTER_WITH_LABELS.code())
        ? new Failure(Reason.NO_CLUSTER_FOR_PLATFORM, last.message())
        : new Failure(
            Reason.QUEUE_TIMED_OUT,
            "it waited in the queue for longer than it may: " + last.message());
  }
}
