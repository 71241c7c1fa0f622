package dev.grange.scheduler.attempt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.grange.domain.build.Failure;
import dev.grange.domain.build.Reason;
import dev.grange.domain.worker.Verdict;
import dev.grange.scheduler.FarmConfig;
import dev.grange.scheduler.FarmServices;
import dev.grange.scheduler.Registries;
import dev.grange.scheduler.TestFarm;
import dev.grange.scheduler.TestRows;
import dev.grange.scheduler.cluster.ClusterException;
import dev.grange.scheduler.cluster.PodRequest;
import dev.grange.scheduler.cluster.SilentCluster;
import dev.grange.scheduler.token.RegistryTokens;
import dev.grange.store.Db;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.io.IOException;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Whoever has been replaced writes nothing: each transition with an epoch of yesterday. */
@QuarkusTest
@WithTestResource(FarmServices.class)
class FencingIT {
  private static final String CLUSTER = "fenced";

  @Inject Attempts attempts;
  @Inject Db db;
  @Inject Registries registries;
  @Inject RegistryTokens tokens;
  @Inject FarmConfig farmConfig;
  @Inject AttemptConfig config;

  TestFarm farm;
  private TestRows rows;
  private UUID id;
  private Attempt mine;

  @FunctionalInterface
  private interface Transition {
    void of(Attempt attempt) throws SQLException, Fenced;
  }

  @BeforeEach
  void start() throws SQLException {
    rows = new TestRows(farm.database());
    rows.cluster(CLUSTER, 1000, "linux/mips64le");
    rows.lease(CLUSTER, 1);
    id = rows.attempt(CLUSTER, 1);
    mine = read();
  }

  @AfterEach
  void stop() {
    rows.execute(
        """
        UPDATE attempt SET state = 'CANCELLED', finished_at = now(), released_at = now()
        WHERE cluster = ? AND released_at IS NULL
        """,
        CLUSTER);
  }

  private Attempt read() throws SQLException {
    return db.call(
        tx ->
            tx.first("SELECT " + Attempt.COLUMNS + " FROM attempt a WHERE id = ?", Attempt::of, id)
                .orElseThrow());
  }

  private void takeOver() {
    rows.execute(
        "UPDATE attempt SET epoch = epoch + 1 WHERE cluster = ? AND released_at IS NULL", CLUSTER);
  }

  /** Everything that a transition could touch. */
  private String everything() {
    return rows.one(
        """
        SELECT a::text || e::text || p::text || b::text || (SELECT count(*) FROM outbox o WHERE o.key = b.id::text)
        FROM attempt a JOIN execution e ON e.id = a.execution_id JOIN platform_build p ON p.execution_id = e.id
        JOIN build b ON b.id = p.build_id WHERE a.id = ?::uuid
        """,
        id.toString());
  }

  private static List<Transition> transitions(Attempts attempts) {
    return List.of(
        attempt -> attempts.prepared(attempt, "uid", false),
        attempt -> attempts.prepared(attempt, "uid", true),
        attempt -> attempts.building(attempt, "node"),
        attempt -> attempts.askToStop(attempt, "DRAINED"),
        attempt ->
            attempts.end(
                attempt,
                new Verdict.Succeeded("sha256:" + "0".repeat(64)),
                1L,
                "node",
                "uid",
                Duration.ZERO),
        attempt ->
            attempts.end(
                attempt,
                new Verdict.Failed(new Failure(Reason.BUILD_FAILED, "x")),
                null,
                null,
                "uid",
                Duration.ZERO),
        attempt ->
            attempts.end(
                attempt,
                new Verdict.Interrupted(new Failure(Reason.NODE_LOST, "x")),
                null,
                null,
                "uid",
                Duration.ZERO));
  }

  @Test
  void afterATakeoverNoTransitionOfTheLastHolderWritesAnything() {
    takeOver();
    String before = everything();
    for (Transition transition : transitions(attempts)) {
      assertThatThrownBy(() -> transition.of(mine)).isInstanceOf(Fenced.class);
      assertThat(everything()).isEqualTo(before);
    }
  }

  @Test
  void theNewHolderGoesOnWhereTheLastOneStood() throws Exception {
    attempts.prepared(mine, "uid", false);
    takeOver();
    assertThatThrownBy(() -> attempts.building(mine, "node")).isInstanceOf(Fenced.class);

    Attempt taken = read();
    assertThat(taken.podUid()).isEqualTo("uid");
    attempts.building(taken, "node");

    assertThat(rows.one("SELECT state FROM attempt WHERE id = ?::uuid", id.toString()))
        .isEqualTo("BUILDING");
  }

  @Test
  void whoIsLetGoOfWhileItMakesItsPodLeavesTheAttemptToTheNext() throws Exception {
    AtomicReference<AttemptTask> task = new AtomicReference<>();
    SilentCluster gateway =
        new SilentCluster() {
          @Override
          public String ensure(PodRequest request) throws ClusterException {
            task.get().abandon();
            throw new ClusterException(
                Reason.CLUSTER_UNREACHABLE, "closed meanwhile", new IOException());
          }
        };
    Jobs jobs = new Jobs(db, registries, tokens, new AvoidedNodes(db), farmConfig);
    task.set(
        new AttemptTask(
            mine,
            false,
            gateway,
            new AttemptLog(db, mine, false, 1000),
            new AttemptTask.Tools(attempts, jobs, registries, config)));
    String before = everything();

    assertThat(task.get().run()).isEmpty();

    assertThat(everything()).isEqualTo(before);
  }

  @Test
  void anAttemptEndsOnce() throws Exception {
    attempts.prepared(mine, "uid", true);
    attempts.end(
        mine,
        new Verdict.Failed(new Failure(Reason.BUILD_FAILED, "x")),
        null,
        null,
        "uid",
        Duration.ZERO);
    String before = everything();
    for (Transition transition : transitions(attempts)) {
      assertThatThrownBy(() -> transition.of(mine)).isInstanceOf(Fenced.class);
      assertThat(everything()).isEqualTo(before);
    }
    assertThat(
            rows.one(
                "SELECT released_at IS NOT NULL FROM attempt WHERE id = ?::uuid", id.toString()))
        .isEqualTo("t");
  }

  @Test
  void aUidThatIsRecordedIsNotReplaced() throws Exception {
    attempts.prepared(mine, "first", false);
    assertThatThrownBy(() -> attempts.prepared(mine, "second", false)).isInstanceOf(Fenced.class);
    assertThat(rows.one("SELECT pod_uid FROM attempt WHERE id = ?::uuid", id.toString()))
        .isEqualTo("first");
  }

  @Test
  void whoAskedFirstForTheStopIsRemembered() throws Exception {
    attempts.askToStop(mine, "CANCELLED");
    attempts.askToStop(mine, "DRAINED");
    assertThat(rows.one("SELECT stop_reason FROM attempt WHERE id = ?::uuid", id.toString()))
        .isEqualTo("CANCELLED");
  }
}
