package dev.grange.scheduler.placement;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.grange.scheduler.FarmConfig;
import dev.grange.scheduler.FarmServices;
import dev.grange.scheduler.TestFarm;
import dev.grange.scheduler.Uuids;
import dev.grange.scheduler.Wakeups;
import dev.grange.scheduler.attempt.AttemptRunner;
import dev.grange.scheduler.build.Outcomes;
import dev.grange.scheduler.relay.OutboxRelay;
import dev.grange.scheduler.release.Releases;
import dev.grange.store.Db;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.lang.management.ManagementFactory;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.TreeMap;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * {@code ./grange test sim}: the shipped round on a real PostgreSQL, over 50 clusters that exist as
 * rows only and builds that last as long as a virtual clock says. What ends a build is written as
 * one statement; what places it is the code that runs in production.
 *
 * <p>Shares and slots are asserted. Times are printed and not asserted: they are this machine's.
 */
@QuarkusTest
@WithTestResource(FarmServices.class)
class ManyClustersSim {
  private static final int CLUSTERS = Integer.getInteger("sim.clusters", 50);
  private static final int BUILDS = Integer.getInteger("sim.builds", 100_000);
  private static final int ENDS = Integer.getInteger("sim.ends", 15_000);
  private static final long SEED = Long.getLong("sim.seed", 1L);

  /** Name, weight and mean seconds of a build. */
  private record Project(String name, int weight, double seconds) {}

  private static final List<Project> PROJECTS =
      List.of(
          new Project("sim-quick", 100, 60),
          new Project("sim-slow", 100, 600),
          new Project("sim-heavy", 200, 180));

  @Inject Db db;
  @Inject Uuids uuids;
  @Inject AttemptRunner runner;
  @Inject Outcomes outcomes;
  @Inject Releases releases;
  @Inject Wakeups wakeups;
  @Inject PlacementConfig config;
  @Inject FarmConfig farmConfig;
  @Inject PlacementRound own;
  @Inject OutboxRelay relay;

  TestFarm farm;

  /**
   * One that holds a slot.
   *
   * @param share platform and project
   */
  private record Running(UUID id, String share, double ends) {}

  private final Random random = new Random(SEED);
  private final PriorityQueue<Running> running =
      new PriorityQueue<>(Comparator.comparingDouble(Running::ends));
  private final Map<UUID, Boolean> known = new HashMap<>();
  private final Map<String, Integer> holds = new TreeMap<>();
  private final Map<String, Double> slotSeconds = new TreeMap<>();
  private final List<Double> filling = new ArrayList<>();
  private final List<Double> steady = new ArrayList<>();
  private double now;
  private int placed;

  @Test
  @Timeout(1200)
  void fiftyClustersShareAHundredThousandBuildsFairly() throws Exception {
    // the application's own loops would place and send beside it
    own.stop();
    relay.stop();
    PlacementRound round =
        new PlacementRound(db, uuids, runner, outcomes, releases, wakeups, config, farmConfig);
    try (Connection connection = farm.database().connect(farm.database().owner())) {
      prepare(connection);
      while (timed(round, filling)) {
        look(connection);
      }
      look(connection);
      int slots = running.size();
      int ended = 0;
      while (ended < ENDS) {
        advance(running.element().ends() + 1);
        List<String> ids = new ArrayList<>();
        while (!running.isEmpty() && running.element().ends() <= now) {
          Running one = running.remove();
          ids.add(one.id().toString());
          holds.merge(one.share(), -1, Integer::sum);
        }
        end(connection, ids);
        ended += ids.size();
        while (timed(round, steady)) {
          look(connection);
        }
        look(connection);
      }
      report(connection, slots, ended);
    }
  }

  private void prepare(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute("UPDATE cluster SET desired = 'CORDONED'");
      for (Project project : PROJECTS) {
        statement.execute(
            "INSERT INTO project (name, weight) VALUES ('%s', %d)"
                .formatted(project.name(), project.weight()));
      }
      for (int i = 0; i < CLUSTERS; i++) {
        String platforms =
            i % 5 == 0
                ? "'linux/arm64'"
                : i % 9 == 0 ? "'linux/amd64', 'linux/arm64'" : "'linux/amd64'";
        // most are well; some are cordoned, away, left alone for a while, or on trial
        String state =
            switch (i) {
              case 11 -> "'CORDONED', true, 0, NULL";
              case 12 -> "'ACTIVE', false, 0, NULL";
              case 13 -> "'ACTIVE', true, 3, now() + interval '1 day'";
              case 14 -> "'ACTIVE', true, 1, now() - interval '1 minute'";
              default -> "'ACTIVE', true, 0, NULL";
            };
        statement.execute(
            """
            INSERT INTO cluster (name, kind, slots, weight, platforms, labels, desired, reachable, errors, not_before)
            VALUES ('sim-%02d', 'fake', %d, %d, ARRAY[%s], '{"zone": "%s"}', %s)
            """
                .formatted(
                    i,
                    8 + random.nextInt(25),
                    50 + random.nextInt(100),
                    platforms,
                    i % 2 == 0 ? "even" : "odd",
                    state));
        statement.execute(
            """
            INSERT INTO lease (name, holder, epoch, expires_at) VALUES ('cluster:sim-%02d', 'nobody', 7, now() + interval '1 day')
            """
                .formatted(i));
      }
      // two of three builds are for amd64, one of fifty wants a zone, one of a hundred a cluster, a
      // few are urgent
      statement.execute(
          """
          CREATE TEMP TABLE wanted AS
          SELECT gen_random_uuid() AS build, gen_random_uuid() AS execution, n,
            (ARRAY['sim-quick', 'sim-slow', 'sim-heavy'])[1 + n %% 3] AS project,
            CASE WHEN n %% 7 < 5 THEN 'linux/amd64' ELSE 'linux/arm64' END AS platform,
            CASE WHEN n %% 50 = 0 THEN '{"zone": "even"}' ELSE '{}' END::jsonb AS selector,
            CASE WHEN n %% 101 = 0 AND n %% 7 < 5 THEN 'sim-01' END AS cluster,
            CASE WHEN n %% 1000 = 0 THEN 10 ELSE 0 END AS priority,
            now() - make_interval(secs => 300.0 * (%d - n) / %d) AS at
          FROM generate_series(1, %d) n
          """
              .formatted(BUILDS, BUILDS, BUILDS));
      statement.execute(
          """
          INSERT INTO build (id, project, image, containerfile, platforms, priority, timeout_seconds, queue_seconds, cluster, cluster_selector, principal, created_at)
          SELECT build, project, 'image-' || n % 500, 'FROM scratch', ARRAY[platform], priority, 3600, 86400, cluster, selector, 'sim', at FROM wanted
          """);
      statement.execute(
          """
          INSERT INTO execution (id, project, platform, input_digest, build_id, priority, queue_deadline, cluster, cluster_selector, created_at, queued_at)
          SELECT execution, project, platform, 'sha256:' || repeat('0', 64), build, priority, now() + interval '1 day', cluster, selector, at, at FROM wanted
          """);
      statement.execute(
          "INSERT INTO platform_build (id, build_id, platform, execution_id) SELECT"
              + " gen_random_uuid(), build, platform, execution FROM wanted");
      // as autovacuum has long done on a farm that came by such a queue
      for (String table :
          List.of("build", "execution", "platform_build", "cluster", "lease", "project")) {
        statement.execute("ANALYZE " + table);
      }
    }
  }

  /** Lets the virtual clock go on, and counts who holds how many slots for how long. */
  private void advance(double to) {
    holds.forEach((share, n) -> slotSeconds.merge(share, n * (to - now), Double::sum));
    now = to;
  }

  private boolean timed(PlacementRound round, List<Double> times) throws SQLException {
    long begun = System.nanoTime();
    boolean more = round.round();
    times.add((System.nanoTime() - begun) / 1e6);
    return more;
  }

  /** Finds what was placed, lets it last a while, and counts slots. */
  private void look(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      try (ResultSet rows =
          statement.executeQuery(
              """
              SELECT a.id, e.project, e.platform FROM attempt a JOIN execution e ON e.id = a.execution_id
              WHERE a.released_at IS NULL AND e.project LIKE 'sim-%'
              """)) {
        while (rows.next()) {
          UUID id = rows.getObject(1, UUID.class);
          if (known.putIfAbsent(id, true) == null) {
            Project project =
                PROJECTS.stream()
                    .filter(p -> p.name().equals(column(rows, 2)))
                    .findFirst()
                    .orElseThrow();
            double lasts = project.seconds() * (0.5 + random.nextDouble());
            String share = column(rows, 3) + " " + project.name();
            running.add(new Running(id, share, now + lasts));
            holds.merge(share, 1, Integer::sum);
            placed++;
          }
        }
      }
      try (ResultSet over =
          statement.executeQuery(
              """
              SELECT c.name FROM cluster c
              JOIN (SELECT cluster, count(*) AS used FROM attempt WHERE released_at IS NULL GROUP BY cluster) a ON a.cluster = c.name
              WHERE c.name LIKE 'sim-%' AND (a.used > c.slots OR c.desired <> 'ACTIVE' OR NOT c.reachable OR c.not_before > now()
                OR (c.errors > 0 AND a.used > 1))
              """)) {
        assertThat(over.next())
            .as("a slot is oversubscribed, or a cluster that rests has work")
            .isFalse();
      }
    }
  }

  private static String column(ResultSet rows, int column) {
    try {
      return rows.getString(column);
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  /** They succeed: what the shipped code writes row by row, without the events. */
  private void end(Connection connection, List<String> attempts) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            """
            WITH ended AS (
              UPDATE attempt SET state = 'SUCCEEDED', pod_uid = 'uid', digest = 'sha256:' || repeat('0', 64), finished_at = now(), released_at = now()
              WHERE id = ANY(?::uuid[]) RETURNING id, execution_id
            ), executed AS (
              UPDATE execution e SET state = 'SUCCEEDED', finished_at = now() FROM ended WHERE e.id = ended.execution_id
            ), parts AS (
              UPDATE platform_build p SET state = 'SUCCEEDED', finished_at = now(), attempt_id = ended.id, digest = 'sha256:' || repeat('0', 64)
              FROM ended WHERE p.execution_id = ended.execution_id RETURNING p.build_id
            )
            UPDATE build b SET state = 'SUCCEEDED', finished_at = now(), candidate_repository = 'r', candidate_digest = 'sha256:' || repeat('0', 64)
            FROM parts WHERE b.id = parts.build_id
            """)) {
      statement.setArray(1, connection.createArrayOf("text", attempts.toArray()));
      assertThat(statement.executeUpdate()).isEqualTo(attempts.size());
    }
  }

  private void report(Connection connection, int slots, int ended) throws SQLException {
    long left;
    try (Statement statement = connection.createStatement();
        ResultSet rows =
            statement.executeQuery(
                "SELECT count(*) FROM execution WHERE state = 'QUEUED' AND project LIKE 'sim-%'")) {
      left = rows.next() ? rows.getLong(1) : -1;
    }
    say(
        "%d clusters, %d slots that take work, %d builds; placed %d, ended %d in %.1f h of virtual"
            + " time, %d still queued",
        CLUSTERS, slots, BUILDS, placed, ended, now / 3600, left);
    say(
        "this machine: %d processors, load %.1f",
        Runtime.getRuntime().availableProcessors(),
        ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage());
    times("rounds that fill the farm   ", filling);
    times("rounds after some builds end", steady);
    Map<String, Double> all = new TreeMap<>();
    slotSeconds.forEach(
        (key, seconds) -> all.merge(key.substring(0, key.indexOf(' ')), seconds, Double::sum));
    int weights = PROJECTS.stream().mapToInt(Project::weight).sum();
    List<Runnable> checks = new ArrayList<>();
    all.forEach(
        (platform, seconds) -> {
          for (Project project : PROJECTS) {
            double wanted = project.weight() / (double) weights;
            double got = slotSeconds.getOrDefault(platform + " " + project.name(), 0.0) / seconds;
            say(
                "share of %s: %-10s %.2f %% of slot time, entitled to %.0f %% (off by %.1f %%)",
                platform, project.name(), got * 100, wanted * 100, (got / wanted - 1) * 100);
            checks.add(
                () ->
                    assertThat(got)
                        .as("%s of %s", platform, project.name())
                        .isCloseTo(wanted, within(wanted * 0.05)));
          }
        });
    say(
        "slots oversubscribed: 0 (looked at after each of %d rounds)",
        filling.size() + steady.size());
    checks.forEach(Runnable::run);
  }

  private static void times(String what, List<Double> times) {
    List<Double> sorted = times.stream().sorted().toList();
    say(
        "%s: %5d rounds, p50 %.1f ms, p99 %.1f ms, max %.1f ms (wanted: under 100 ms)",
        what,
        sorted.size(),
        sorted.get(sorted.size() / 2),
        sorted.get(Math.min(sorted.size() - 1, sorted.size() * 99 / 100)),
        sorted.getLast());
  }

  private static void say(String format, Object... values) {
    System.out.println("sim: " + String.format(Locale.ROOT, format, values));
  }
}
