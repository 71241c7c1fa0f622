package dev.grange.testbed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIfEnvironmentVariable;

/** What people see of builds in pods when clusters, or the farm, fail under them. */
@DisabledIfEnvironmentVariable(
    named = "GRANGE_E2E_KUBECONFIGS",
    matches = ".+",
    disabledReason = "NOT TESTED: no faults are done to clusters that are given")
class FaultsE2eIT {
  private static Testbed testbed;
  private static FarmOnClusters on;
  private static Cluster one;
  private static Cluster two;

  @BeforeAll
  static void up() throws Exception {
    testbed = Testbed.up("fault-one", "fault-two");
    on = FarmOnClusters.on(testbed, "faults", 4);
    one = testbed.cluster("fault-one");
    two = testbed.cluster("fault-two");
  }

  @AfterAll
  static void down() {
    try (Testbed _ = testbed;
        FarmOnClusters _ = on) {
      // each is closed, whatever happens to the other
    }
  }

  @Test
  void evictedBuildsAreBuiltAgainAndNoneFailsOrIsPromotedTwice() throws Exception {
    List<String> builds = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      builds.add(on.submit("evicted-" + i, "sleep 20", i % 2 == 0 ? one : two));
    }
    for (int i = 0; i < 4; i++) {
      Cluster cluster = i % 2 == 0 ? one : two;
      JsonNode pod = on.awaitRunningPod(cluster, builds.get(i));
      on.farm().awaitStep(builds.get(i), "build");
      cluster.evict(FarmOnClusters.NAMESPACE, pod.at("/metadata/name").asText());
    }
    for (int i = 0; i < 8; i++) {
      on.farm().awaitPromoted(builds.get(i));
      List<JsonNode> attempts = on.attempts(builds.get(i));
      assertThat(attempts)
          .extracting(attempt -> attempt.path("state").asText())
          .doesNotContain("FAILED")
          .filteredOn("SUCCEEDED"::equals)
          .hasSize(1);
      if (i < 4) {
        assertThat(attempts.getFirst().at("/failure/reason").asText()).isEqualTo("PodEvicted");
      }
    }
    on.assertNothingIsLeft();
  }

  @Test
  void aSchedulerThatIsKilledAdoptsItsPodsAndTheLogHasEveryByte() throws Exception {
    // It fails in the end, so that the pod stays and its own log can be read.
    String build =
        on.submit(
            "told",
            "i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo line $i of 300; sleep 0.05; done; exit"
                + " 7",
            one);
    JsonNode pod = on.awaitRunningPod(one, build);
    await().atMost(Farm.PATIENCE).until(() -> on.farm().log(build).contains("line 20 of"));
    on.farm().killAndAwaitRestart("scheduler");
    JsonNode ended = on.farm().awaitFinal(build);
    assertThat(ended.at("/failure/reason").asText()).as(ended.toString()).isEqualTo("BuildFailed");
    assertThat(on.attempts(build)).hasSize(1);
    String kept = on.farm().log(build);
    String written = one.log(FarmOnClusters.NAMESPACE, pod.at("/metadata/name").asText());
    assertThat(written)
        .contains(
            IntStream.rangeClosed(1, 300)
                .mapToObj("line %d of 300\n"::formatted)
                .collect(Collectors.joining()));
    assertThat(kept).isEqualTo(written);
    // it would stay for people to look at, and the other tests look for what is left
    Command.Result deleted =
        one.kubectl(
            "delete",
            "pod",
            pod.at("/metadata/name").asText(),
            "--namespace",
            FarmOnClusters.NAMESPACE);
    assertThat(deleted.status()).as(deleted.toString()).isZero();
  }

  @Test
  void aPartitionDelaysNoBuildElsewhereAndTheLostOnesGoOn() throws Exception {
    // The same on a quiet farm first.
    Duration quiet = durationOfFour("quiet");

    // Any cluster may build these, and one of them does.
    on.farm().must("clusters", "cordon", two.name());
    List<String> lost = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      lost.add(on.submit("lost-" + i, "sleep 20"));
    }
    for (String build : lost) {
      on.farm().awaitStep(build, "build");
    }
    on.farm().must("clusters", "uncordon", two.name());
    Instant began = Instant.now();
    one.partition();
    Duration beside;
    try {
      beside = durationOfFour("beside");
      await()
          .atMost(Duration.ofSeconds(90))
          .until(() -> Duration.between(began, Instant.now()).toSeconds() >= 60);
    } finally {
      one.heal();
    }
    System.out.printf(
        "four builds on the other cluster: %d ms without a partition, %d ms during one%n",
        quiet.toMillis(), beside.toMillis());
    assertThat(beside).isLessThan(quiet.multipliedBy(2).plusSeconds(5));
    for (String build : lost) {
      // the partition is shorter than the limit after which they would be moved: they went on
      // meanwhile
      on.farm().awaitPromoted(build);
      assertThat(on.attempts(build))
          .extracting(attempt -> attempt.path("state").asText())
          .filteredOn("SUCCEEDED"::equals)
          .hasSize(1);
    }
    on.assertNothingIsLeft();
  }

  /** From the first submission to the last end of four builds on the second cluster. */
  private static Duration durationOfFour(String name) throws Exception {
    Instant began = Instant.now();
    List<String> builds = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      builds.add(on.submit(name + "-" + i, "sleep 2", two));
    }
    for (String build : builds) {
      on.farm().awaitPromoted(build);
    }
    return Duration.between(began, Instant.now());
  }
}
