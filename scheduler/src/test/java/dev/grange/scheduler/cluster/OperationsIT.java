package dev.grange.scheduler.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.grange.domain.build.Reason;
import dev.grange.events.EventValidator;
import dev.grange.scheduler.FarmServices;
import dev.grange.scheduler.TestFarm;
import dev.grange.scheduler.TestRows;
import dev.grange.scheduler.cluster.kubernetes.KubernetesCluster;
import dev.grange.scheduler.cluster.local.LocalCluster;
import dev.grange.scheduler.lease.Leases;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.io.IOException;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What operators ask of a cluster, and what the farm makes of it. */
@QuarkusTest
@WithTestResource(FarmServices.class)
class OperationsIT {
  @Inject Reachability reachability;
  @Inject Sweeper sweeper;
  @Inject Clusters clusters;
  @Inject Leases leases;

  TestFarm farm;
  private TestRows rows;
  private String cluster;

  @BeforeEach
  void start() {
    rows = new TestRows(farm.database());
    cluster = "ops-" + UUID.randomUUID().toString().substring(0, 8);
    rows.cluster(cluster, 10, "linux/mips64le");
    rows.lease(cluster, 1);
  }

  private String column(String name) {
    return farm.one("SELECT " + name + " FROM cluster WHERE name = ?", cluster);
  }

  private String ask(String command, String arguments) {
    return farm.answer(farm.ask(command, cluster, arguments));
  }

  /** The last part of each event's type, in order; all of them valid. */
  private List<String> told() {
    for (String payload :
        farm.all("SELECT payload FROM outbox WHERE key = ? ORDER BY id", cluster)) {
      EventValidator.validate(
          farm.one("SELECT type FROM outbox WHERE payload = ?", payload), payload);
    }
    return farm.all(
        "SELECT split_part(type, '.', 4) FROM outbox WHERE key = ? AND topic = 'grange.clusters.v1'"
            + " ORDER BY id",
        cluster);
  }

  private String fact(String member) {
    return farm.one(
        "SELECT payload::jsonb -> 'customData' ->> ? FROM outbox WHERE key = ? ORDER BY id DESC"
            + " LIMIT 1",
        member,
        cluster);
  }

  @Test
  void aCordonedClusterSaysWhoWantedItAndWhyAndTakesWorkAgainWhenItIsUncordoned() {
    UUID attempt = rows.attempt(cluster, 1);
    assertThat(ask("cordon", "{\"note\": \"new disks\"}"))
        .startsWith("DONE")
        .contains("what runs goes on: 1 attempt");
    assertThat(column("desired")).isEqualTo("CORDONED");
    assertThat(column("desired_by")).isEqualTo("olga");
    assertThat(column("note")).isEqualTo("new disks");
    assertThat(rows.one("SELECT stop_reason FROM attempt WHERE id = ?::uuid", attempt.toString()))
        .isNull();
    assertThat(ask("cordon", "{}")).isEqualTo("DONE: cluster " + cluster + " was cordoned before");

    assertThat(ask("uncordon", "{}")).startsWith("DONE").contains("takes work again");
    assertThat(column("desired")).isEqualTo("ACTIVE");
    assertThat(ask("uncordon", "{}")).contains("takes work already");
    assertThat(told()).containsExactly("cordoned", "uncordoned");
    assertThat(fact("principal")).isEqualTo("olga");
  }

  @Test
  void aDrainedClusterIsEmptyWhenWhatRanHasEnded() {
    UUID attempt = rows.attempt(cluster, 1);
    assertThat(ask("drain", "{}")).startsWith("DONE").contains("may end by itself: 1 attempt");
    assertThat(column("desired")).isEqualTo("DRAINING");
    assertThat(column("drained_at")).isNull();
    assertThat(rows.one("SELECT stop_reason FROM attempt WHERE id = ?::uuid", attempt.toString()))
        .isNull();
    rows.release(attempt);
    await()
        .atMost(Duration.ofSeconds(10))
        .untilAsserted(() -> assertThat(column("drained_at")).isNotNull());
    assertThat(ask("drain", "{}")).contains("drained already");
    assertThat(told()).containsExactly("draining", "drained");
  }

  @Test
  void drainingNowTellsEverythingToStopAndAnEmptyClusterIsDrainedAtOnce() {
    UUID attempt = rows.attempt(cluster, 1);
    assertThat(ask("drain", "{\"now\": true}")).contains("told to stop", "1 of 1 attempt");
    assertThat(rows.one("SELECT stop_reason FROM attempt WHERE id = ?::uuid", attempt.toString()))
        .isEqualTo("DRAINED");
    assertThat(column("drain_now")).isEqualTo("t");
    rows.release(attempt);
    assertThat(ask("drain", "{\"note\": \"again\"}")).contains("nothing was on it: it is drained");
    assertThat(column("drained_at")).isNotNull();
  }

  @Test
  void whatStillRunsAtTheDeadlineOfADrainIsInterrupted() {
    UUID attempt = rows.attempt(cluster, 1);
    assertThat(ask("drain", "{\"timeout_seconds\": 1}")).contains("what runs has until");
    await()
        .atMost(Duration.ofSeconds(10))
        .untilAsserted(
            () ->
                assertThat(
                        rows.one(
                            "SELECT stop_reason FROM attempt WHERE id = ?::uuid",
                            attempt.toString()))
                    .isEqualTo("DRAINED"));
    assertThat(column("drain_now")).isEqualTo("t");
    rows.release(attempt);
  }

  @Test
  void aClusterResumesByItselfWhenThatWasAskedFor() {
    assertThat(ask("drain", "{\"resume_after_seconds\": 1}")).contains(" until ");
    await()
        .atMost(Duration.ofSeconds(10))
        .untilAsserted(() -> assertThat(column("desired")).isEqualTo("ACTIVE"));
    assertThat(column("resume_at")).isNull();
    assertThat(told()).containsExactly("draining", "drained", "uncordoned");
    assertThat(fact("principal")).isNull();
    assertThat(fact("note")).contains("time to resume");
  }

  @Test
  void aClusterIsNotRemovedWhileWorkIsOnItAndIsGoneAfterwards() {
    UUID attempt = rows.attempt(cluster, 1);
    assertThat(ask("remove", "{}"))
        .startsWith("REFUSED: cluster " + cluster + " is not empty, it has 1 attempt: drain")
        .contains("grange clusters drain " + cluster);
    assertThat(column("removed_at")).isNull();
    rows.release(attempt);
    assertThat(ask("remove", "{\"note\": \"moved\"}")).startsWith("DONE");
    assertThat(column("removed_at")).isNotNull();
    assertThat(column("desired")).isEqualTo("CORDONED");
    assertThat(column("reachable")).isNull();
    assertThat(told()).containsExactly("removed");
    for (String command : List.of("remove", "cordon", "drain", "uncordon", "register", "check")) {
      assertThat(ask(command, "{}"))
          .as(command)
          .isEqualTo("REFUSED: there is no cluster " + cluster);
    }
  }

  @Test
  void aRegistrationIsToldOnceItIsNew() {
    assertThat(ask("register", "{\"outcome\": \"created\"}")).startsWith("DONE");
    assertThat(ask("register", "{\"outcome\": \"changed\"}")).startsWith("DONE");
    assertThat(told()).containsExactly("registered");
  }

  @Test
  void aNewClusterTakesWorkWhenItsFirstCheckHasPassedAndNotBefore() {
    String local = "fresh-" + UUID.randomUUID().toString().substring(0, 8);
    rows.execute(
        "INSERT INTO cluster (name, kind, desired, slots, platforms) VALUES (?, 'local',"
            + " 'CORDONED', 0, ARRAY['linux/mips64le'])",
        local);
    String answer = farm.answer(farm.ask("check", local, "{}"));
    assertThat(answer).startsWith("DONE");
    assertThat(farm.one("SELECT report ->> 'ok' FROM cluster WHERE name = ?", local))
        .as(answer)
        .isEqualTo("true");
    assertThat(
            farm.one(
                "SELECT report -> 'findings' -> 0 ->> 'status' FROM cluster WHERE name = ?", local))
        .isEqualTo("OK");
    assertThat(farm.one("SELECT desired FROM cluster WHERE name = ?", local)).isEqualTo("ACTIVE");
    assertThat(farm.one("SELECT checked_at FROM cluster WHERE name = ?", local)).isNotNull();

    // who was cordoned by a person stays so, whatever a check says
    assertThat(farm.answer(farm.ask("cordon", local, "{}"))).startsWith("DONE");
    assertThat(farm.answer(farm.ask("check", local, "{}"))).startsWith("DONE");
    assertThat(farm.one("SELECT desired FROM cluster WHERE name = ?", local)).isEqualTo("CORDONED");
    assertThat(farm.answer(farm.ask("remove", local, "{}"))).startsWith("DONE");
  }

  @Test
  void aCheckThatNoSchedulerCanDoIsRefusedAndNotKeptOpenForEver() {
    rows.execute("DELETE FROM lease WHERE name = 'cluster:' || ?", cluster);
    UUID request = UUID.randomUUID();
    rows.execute(
        """
        INSERT INTO request (id, principal, command, target, created_at)
        VALUES (?::uuid, 'olga', 'check', ?, now() - interval '1 hour')
        """,
        request.toString(),
        cluster);
    farm.ask("cordon", cluster, "{}"); // with its hint
    assertThat(farm.answer(request)).startsWith("REFUSED: no scheduler looks after");
  }

  @Test
  void aPodThatCannotBeRemovedKeepsNoOtherFromBeingSwept() throws Exception {
    List<String> removed = new ArrayList<>();
    sweeper.sweep(
        cluster,
        new SilentCluster() {
          @Override
          public List<String> pods() {
            return List.of("first", "stuck", "last");
          }

          @Override
          public void remove(String podName) throws ClusterException {
            if (podName.equals("stuck")) {
              throw new ClusterException(
                  Reason.CLUSTER_REFUSED, "a webhook says no", new IOException());
            }
            removed.add(podName);
          }
        });
    assertThat(removed).containsExactly("first", "last");
  }

  /** Registers a Kubernetes cluster that nothing answers for; its lease is ours when this ends. */
  private String unanswering() throws SQLException {
    String name = "kube-" + UUID.randomUUID().toString().substring(0, 8);
    rows.execute(
        """
        INSERT INTO cluster (name, kind, slots, platforms, config)
        VALUES (?, 'kubernetes', 1, ARRAY['linux/mips64le'],
          '{"server": "http://127.0.0.1:1", "namespace": "n", "worker_image": "w"}')
        """,
        name);
    clusters.refresh();
    assertThat(clusters.gateway(name)).containsInstanceOf(KubernetesCluster.class);
    await().until(() -> leases.holds(Leases.ofCluster(name)));
    return name;
  }

  private void removed(String name) throws SQLException {
    rows.execute(
        "UPDATE cluster SET desired = 'CORDONED', removed_at = now() WHERE name = ?", name);
    clusters.refresh();
  }

  @Test
  void aClusterWhoseConfigurationCannotBeUsedIsLeftToWhoeverCan() throws SQLException {
    String name = unanswering();
    rows.execute("UPDATE cluster SET config = '{}' WHERE name = ?", name);
    clusters.refresh();
    assertThat(clusters.gateway(name)).isEmpty();
    await().atMost(Duration.ofSeconds(5)).until(() -> !leases.holds(Leases.ofCluster(name)));
    removed(name);
  }

  @Test
  void aClusterThatIsRegisteredAnewAsALocalOneIsALocalOne() throws SQLException {
    String name = unanswering();
    rows.execute("UPDATE cluster SET kind = 'local', config = '{}' WHERE name = ?", name);
    clusters.refresh();
    assertThat(clusters.gateway(name)).containsInstanceOf(LocalCluster.class);
    removed(name);
  }

  @Test
  void oneErrorPutsWorkOffAndThreeInARowMakeAClusterUnreachableUntilItAnswers()
      throws SQLException {
    reachability.failed(cluster, "timeout");
    assertThat(column("reachable")).isEqualTo("t");
    assertThat(column("errors")).isEqualTo("1");
    assertThat(column("not_before > now()")).isEqualTo("t");

    reachability.failed(cluster, "while it rests");
    assertThat(column("errors")).isEqualTo("1");

    for (int i = 0; i < 2; i++) {
      rows.execute("UPDATE cluster SET not_before = now() WHERE name = ?", cluster);
      reachability.failed(cluster, "no answer from 192.0.2.7:6443");
    }
    assertThat(column("errors")).isEqualTo("3");
    assertThat(column("reachable")).isEqualTo("f");
    assertThat(column("last_error")).contains("192.0.2.7");
    assertThat(fact("note")).contains("192.0.2.7");

    rows.execute("UPDATE cluster SET errors = 1000, not_before = now() WHERE name = ?", cluster);
    reachability.failed(cluster, "still");
    assertThat(column("not_before <= now() + interval '2 minutes'")).isEqualTo("t");

    reachability.reached(cluster);
    assertThat(column("reachable")).isEqualTo("t");
    assertThat(column("errors")).isEqualTo("0");
    assertThat(column("not_before")).isNull();
    reachability.reached(cluster);
    assertThat(told()).containsExactly("unreachable", "reachable");
  }
}
