package dev.grange.scheduler.placement;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.grange.scheduler.FarmConfig;
import dev.grange.scheduler.FarmServices;
import dev.grange.scheduler.TestFarm;
import dev.grange.scheduler.TestRows;
import dev.grange.scheduler.Uuids;
import dev.grange.scheduler.Wakeups;
import dev.grange.scheduler.attempt.AttemptRunner;
import dev.grange.scheduler.build.Outcomes;
import dev.grange.scheduler.release.Releases;
import dev.grange.store.Db;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.sql.Connection;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Several schedulers place at once, the one that the test's application runs among them. */
@QuarkusTest
@WithTestResource(FarmServices.class)
class ConcurrentPlacementIT {
  private static final String CLUSTER = "race";
  private static final String PLATFORM = "linux/ppc64le";
  private static final int SLOTS = 3;
  private static final int BUILDS = 20;

  @Inject Db db;
  @Inject Uuids uuids;
  @Inject AttemptRunner runner;
  @Inject Outcomes outcomes;
  @Inject Releases releases;
  @Inject Wakeups wakeups;
  @Inject PlacementConfig config;
  @Inject FarmConfig farmConfig;

  TestFarm farm;
  private TestRows rows;

  @BeforeEach
  void start() {
    rows = new TestRows(farm.database());
    rows.cluster(CLUSTER, SLOTS, PLATFORM);
    rows.execute("UPDATE cluster SET desired = 'ACTIVE' WHERE name = ?", CLUSTER);
    rows.lease(CLUSTER, 7);
  }

  @AfterEach
  void stop() {
    rows.execute("UPDATE cluster SET desired = 'CORDONED' WHERE name = ?", CLUSTER);
  }

  private PlacementRound another() {
    return new PlacementRound(db, uuids, runner, outcomes, releases, wakeups, config, farmConfig);
  }

  private void roundsAtOnce(List<PlacementRound> schedulers) throws Exception {
    CyclicBarrier together = new CyclicBarrier(schedulers.size());
    List<Future<Boolean>> all = new ArrayList<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (PlacementRound scheduler : schedulers) {
        all.add(
            threads.submit(
                () -> {
                  together.await();
                  return scheduler.round();
                }));
      }
      for (Future<Boolean> one : all) {
        one.get();
      }
    }
  }

  private long number(String sql) {
    return Long.parseLong(rows.one(sql));
  }

  @Test
  void noExecutionGetsTwoAttemptsAndNoSlotIsSoldTwice() throws Exception {
    List<UUID> builds = new ArrayList<>();
    for (int i = 0; i < BUILDS; i++) {
      builds.add(farm.submit("FROM scratch\n", PLATFORM));
    }
    List<PlacementRound> schedulers = List.of(another(), another(), another(), another());
    int rounds = 0;
    while (number("SELECT count(*) FROM attempt WHERE cluster = 'race'") < BUILDS) {
      roundsAtOnce(schedulers);
      assertThat(
              number("SELECT count(*) FROM attempt WHERE cluster = 'race' AND released_at IS NULL"))
          .isBetween(1L, (long) SLOTS);
      finishWhatRuns();
      assertThat(++rounds).as("every round places something").isLessThanOrEqualTo(BUILDS);
    }
    assertThat(
            number(
                "SELECT max(n) FROM (SELECT count(*) AS n FROM attempt WHERE cluster = 'race' GROUP"
                    + " BY execution_id) x"))
        .isOne();
    assertThat(number("SELECT count(DISTINCT execution_id) FROM attempt WHERE cluster = 'race'"))
        .isEqualTo(BUILDS);
    assertThat(rows.one("SELECT DISTINCT epoch FROM attempt WHERE cluster = 'race'"))
        .as("the epoch of the lease under which it was placed")
        .isEqualTo("7");
    for (UUID build : builds) {
      assertThat(
              farm.all(
                  "SELECT type FROM outbox WHERE key = ? AND type LIKE '%build.started%'",
                  build.toString()))
          .as("the start of a build is told once")
          .hasSize(1);
    }
  }

  /** As if each had been cancelled: its slot is free again, and it does not come back. */
  private void finishWhatRuns() {
    rows.execute(
        """
        WITH ended AS (
          UPDATE attempt SET state = 'CANCELLED', finished_at = now(), released_at = now()
          WHERE cluster = 'race' AND released_at IS NULL RETURNING execution_id)
        UPDATE execution SET state = 'CANCELLED', finished_at = now() WHERE id IN (SELECT execution_id FROM ended)
        """);
  }

  @Test
  void aRoundThatCannotPlaceSaysWhyAndSaysItOnce() throws Exception {
    rows.execute("UPDATE cluster SET desired = 'CORDONED' WHERE name = ?", CLUSTER);
    UUID build = farm.submit("FROM scratch\n", PLATFORM);
    roundsAtOnce(List.of(another(), another()));
    String decided =
        "SELECT decided_at || d.reason FROM placement_lane d JOIN execution e ON e.project ="
            + " d.project AND e.lane = d.lane WHERE e.build_id = ?::uuid";
    String first = rows.one(decided, build.toString());
    assertThat(first).endsWith("NoClusterAvailable");
    roundsAtOnce(List.of(another(), another()));
    assertThat(rows.one(decided, build.toString())).isEqualTo(first);
    rows.execute(
        "UPDATE execution SET state = 'CANCELLED', finished_at = now() WHERE build_id = ?::uuid",
        build.toString());
  }

  /** A cluster that no other test counts on. */
  private void own(String cluster, String platform) {
    rows.cluster(cluster, SLOTS, platform);
    rows.execute("UPDATE cluster SET desired = 'ACTIVE' WHERE name = ?", cluster);
    rows.lease(cluster, 7);
  }

  private String held(String cluster) {
    return rows.one(
        "SELECT count(*) FROM attempt WHERE cluster = ? AND released_at IS NULL", cluster);
  }

  @Test
  void aClusterThatErredRestsThenGetsOneBuildAndThenAll() throws Exception {
    own("trial", "linux/mips64");
    rows.execute(
        "UPDATE cluster SET errors = 2, not_before = now() + interval '1 hour' WHERE name ="
            + " 'trial'");
    for (int i = 0; i < SLOTS; i++) {
      farm.submit("FROM scratch\n", "linux/mips64");
    }
    roundsAtOnce(List.of(another()));
    assertThat(held("trial")).isEqualTo("0");
    rows.execute(
        "UPDATE cluster SET not_before = now() - interval '1 second' WHERE name = 'trial'");
    roundsAtOnce(List.of(another(), another()));
    assertThat(held("trial")).isEqualTo("1");
    rows.execute("UPDATE cluster SET errors = 0, not_before = NULL WHERE name = 'trial'");
    roundsAtOnce(List.of(another()));
    assertThat(held("trial")).isEqualTo("3");
  }

  @Test
  void workGoesToClustersWithItsLabelsOnly() throws Exception {
    own("zoned", "linux/386");
    rows.execute("UPDATE cluster SET desired = 'CORDONED' WHERE name = 'zoned'");
    UUID build = farm.submit("FROM scratch\n", "linux/386");
    rows.execute(
        "UPDATE execution SET cluster_selector = '{\"zone\": \"b\"}' WHERE build_id = ?::uuid",
        build.toString());
    rows.execute("UPDATE cluster SET desired = 'ACTIVE' WHERE name = 'zoned'");
    roundsAtOnce(List.of(another()));
    assertThat(held("zoned")).isEqualTo("0");
    assertThat(rows.one("SELECT reason FROM placement_lane WHERE lane LIKE '%zone%'"))
        .isEqualTo("NoClusterWithLabels");
    rows.execute("UPDATE cluster SET labels = '{\"zone\": \"b\"}' WHERE name = 'zoned'");
    roundsAtOnce(List.of(another()));
    assertThat(held("zoned")).isEqualTo("1");
    assertThat(number("SELECT count(*) FROM placement_lane WHERE lane LIKE '%zone%'")).isZero();
  }

  @Test
  void leasesAreLockedInTheOrderInWhichTheyAreRenewedSoThatNeitherWaitsForTheOther()
      throws Exception {
    for (String cluster : List.of("locks-a", "locks-b", "locks-c")) {
      own(cluster, "linux/riscv64");
    }
    rows.execute("UPDATE cluster SET desired = 'CORDONED' WHERE name LIKE 'locks-%'");
    rows.execute("UPDATE cluster SET weight = 1 WHERE name = 'locks-a'");
    for (int i = 0; i < 3 * SLOTS; i++) {
      farm.submit("FROM scratch\n", "linux/riscv64");
    }
    rows.execute("UPDATE cluster SET desired = 'ACTIVE' WHERE name LIKE 'locks-%'");
    try (Connection renewal = farm.database().connect(farm.database().owner());
        Statement statement = renewal.createStatement();
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      renewal.setAutoCommit(false);
      statement.execute("SELECT 1 FROM lease WHERE name = 'cluster:locks-a' FOR UPDATE");
      Future<Boolean> round = threads.submit(() -> another().round());
      await()
          .until(
              () ->
                  number(
                          "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype <>"
                              + " 'advisory'")
                      > 0);
      statement.execute(
          "SELECT 1 FROM lease WHERE name IN ('cluster:locks-b', 'cluster:locks-c') FOR UPDATE"
              + " NOWAIT");
      renewal.commit();
      round.get();
    }
    for (String cluster : List.of("locks-a", "locks-b", "locks-c")) {
      assertThat(held(cluster)).isEqualTo(String.valueOf(SLOTS));
    }
  }

  @Test
  void aBuildThatSomebodyWantsCancelledIsNotBegun() throws Exception {
    rows.execute("UPDATE cluster SET desired = 'CORDONED' WHERE name = ?", CLUSTER);
    UUID build = farm.submit("FROM scratch\n", PLATFORM);
    UUID request = farm.cancel(build);
    rows.execute("UPDATE cluster SET desired = 'ACTIVE' WHERE name = ?", CLUSTER);
    roundsAtOnce(List.of(another(), another()));
    farm.awaitState(build, "CANCELLED");
    assertThat(farm.one("SELECT answer FROM request WHERE id = ?", request)).isEqualTo("DONE");
    assertThat(
            farm.one(
                "SELECT count(*) FROM attempt a JOIN execution e ON e.id = a.execution_id WHERE"
                    + " e.build_id = ?",
                build))
        .isEqualTo("0");
  }
}
