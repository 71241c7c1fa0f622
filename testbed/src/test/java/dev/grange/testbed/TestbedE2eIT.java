package dev.grange.testbed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIfEnvironmentVariable;

/** The testbed itself: what the other tests rely on. */
@DisabledIfEnvironmentVariable(
    named = "GRANGE_E2E_KUBECONFIGS",
    matches = ".+",
    disabledReason = "NOT TESTED: the testbed starts no clusters where others are given")
class TestbedE2eIT {
  private static final String PODS = "/api/v1/namespaces/default/pods";
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static Testbed testbed;
  private static Cluster one;
  private static Cluster two;

  @BeforeAll
  static void up() {
    testbed = Testbed.upWithShortNodeLost(8, "bed-one", "bed-two");
    one = testbed.cluster("bed-one");
    two = testbed.cluster("bed-two");
  }

  @AfterAll
  static void downLeavesNothing() throws IOException {
    if (testbed == null) {
      return; // it did not come up, and has said why
    }
    List<Path> states =
        testbed.clusters().stream().map(cluster -> cluster.kubeconfig().getParent()).toList();
    assertThat(states).allMatch(Files::isDirectory);
    testbed.close();
    for (Cluster cluster : testbed.clusters()) {
      assertThat(Path.of("/run/netns/grange-" + cluster)).doesNotExist();
      assertThat(Files.readString(Path.of("/proc/mounts"))).doesNotContain(cluster.name());
      assertThat(Command.must(List.of("find", "/sys/fs/cgroup", "-name", "*" + cluster))).isEmpty();
    }
    for (Path state : states) {
      assertThat(state).doesNotExist();
      assertThat(Command.run(List.of("pgrep", "-f", state + "/"), Map.of()).out()).isEmpty();
    }
  }

  @Test
  void aPodRunsOnEachOfTwoClustersThatDoNotKnowEachOther() {
    for (Cluster cluster : testbed.clusters()) {
      cluster.create(PODS, cluster.shellPod("hello", "echo hello from " + cluster));
    }
    for (Cluster cluster : testbed.clusters()) {
      awaitPhase(cluster, "hello", "Succeeded");
      assertThat(cluster.log("default", "hello")).isEqualTo("hello from " + cluster + "\n");
      assertThat(cluster.list("/api/v1/nodes")).hasSize(1);
    }
  }

  @Test
  void aPartitionedClusterReachesNothingAndTheOtherStillReachesThisMachine() {
    String script =
        "while :; do ping -c 1 -W 1 %s >/dev/null && echo reached || echo lost; sleep 1; done"
            .formatted(testbed.address());
    try {
      for (Cluster cluster : testbed.clusters()) {
        cluster.create(PODS, cluster.shellPod("talker", script));
        await()
            .atMost(PATIENCE)
            .untilAsserted(() -> assertThat(cluster.log("default", "talker")).contains("reached"));
      }
      one.partition();
      try {
        assertThatThrownBy(() -> one.get("/api/v1/nodes"))
            .isInstanceOf(IllegalStateException.class);
        assertThat(reachesThisMachine(one)).isFalse();
        assertThat(reachesThisMachine(two)).isTrue();
      } finally {
        one.heal();
      }
      await()
          .atMost(PATIENCE)
          .untilAsserted(
              () ->
                  assertThat(one.log("default", "talker")).contains("lost").endsWith("reached\n"));
      assertThat(two.log("default", "talker")).doesNotContain("lost");
    } finally {
      testbed.clusters().forEach(cluster -> cluster.delete(PODS + "/talker"));
    }
  }

  @Test
  void aKilledKubeletLosesItsNodeAndComesBackWithThePodsThatWereNotTakenFromIt() {
    ObjectNode stays = two.shellPod("lives-on", "sleep 600");
    ((ObjectNode) stays.get("spec"))
        .putArray("tolerations")
        .addObject()
        .put("key", "node.kubernetes.io/unreachable")
        .put("operator", "Exists");
    two.create(PODS, stays);
    two.create(PODS, two.shellPod("taken", "sleep 600"));
    String container = containerOf(awaitPhase(two, "lives-on", "Running"));
    awaitPhase(two, "taken", "Running");
    two.kill(Cluster.Component.KUBELET);
    await().atMost(PATIENCE).until(() -> !two.ready());
    // the other is taken from the node after two seconds, and is there until its kubelet says
    // that it has ended
    await()
        .atMost(PATIENCE)
        .until(
            () -> {
              two.giveUpNode();
              return two.get(PODS + "/taken")
                  .orElseThrow()
                  .at("/metadata")
                  .hasNonNull("deletionTimestamp");
            });
    assertThat(two.get(PODS + "/taken").orElseThrow().at("/status/phase").asText())
        .isEqualTo("Running");
    two.start(Cluster.Component.KUBELET);
    assertThat(two.ready()).isTrue();
    await().atMost(PATIENCE).until(() -> two.get(PODS + "/taken").isEmpty());
    assertThat(containerOf(awaitPhase(two, "lives-on", "Running"))).isEqualTo(container);
    two.delete(PODS + "/lives-on");
    await().atMost(PATIENCE).until(() -> two.get(PODS + "/lives-on").isEmpty());
  }

  private static String containerOf(JsonNode pod) {
    return pod.at("/status/containerStatuses/0/containerID").asText();
  }

  @Test
  void aKilledApiServerIsGoneAndItsPodsAreThereWhenItIsBack() {
    two.create(PODS, two.shellPod("waits", "sleep 600"));
    awaitPhase(two, "waits", "Running");
    two.kill(Cluster.Component.APISERVER);
    assertThatThrownBy(() -> two.get("/api/v1/nodes")).isInstanceOf(IllegalStateException.class);
    two.start(Cluster.Component.APISERVER);
    awaitPhase(two, "waits", "Running");
    two.delete(PODS + "/waits");
  }

  @Test
  void anEvictedPodGoesAndADrainedNodeTakesNoMore() {
    one.create(PODS, one.shellPod("evicted", "sleep 600"));
    awaitPhase(one, "evicted", "Running");
    one.evict("default", "evicted");
    await().atMost(PATIENCE).until(() -> one.get(PODS + "/evicted").isEmpty());

    one.create(PODS, one.shellPod("drained", "sleep 600"));
    awaitPhase(one, "drained", "Running");
    one.drain();
    await().atMost(PATIENCE).until(() -> one.get(PODS + "/drained").isEmpty());
    one.create(PODS, one.shellPod("late", "true"));
    await()
        .atMost(PATIENCE)
        .until(
            () ->
                one.get(PODS + "/late")
                    .orElseThrow()
                    .at("/status/conditions/0/reason")
                    .asText()
                    .equals("Unschedulable"));
    one.uncordon();
    awaitPhase(one, "late", "Succeeded");
  }

  @Test
  void aPodThatTakesTooMuchMemoryIsKilledForIt() {
    ObjectNode pod = one.shellPod("greedy", "tail /dev/zero");
    ((ObjectNode) pod.at("/spec/containers/0"))
        .putObject("resources")
        .putObject("limits")
        .put("memory", "32Mi");
    one.create(PODS, pod);
    JsonNode ended = awaitPhase(one, "greedy", "Failed");
    assertThat(ended.at("/status/containerStatuses/0/state/terminated/reason").asText())
        .isEqualTo("OOMKilled");
  }

  @Test
  void aPodThatOutgrowsItsStorageIsEvictedForIt() {
    ObjectNode pod =
        one.shellPod("bulky", "dd if=/dev/zero of=/tmp/bulk bs=1M count=64; sleep 600");
    ((ObjectNode) pod.at("/spec/containers/0"))
        .putObject("resources")
        .putObject("limits")
        .put("ephemeral-storage", "16Mi");
    one.create(PODS, pod);
    JsonNode ended = awaitPhase(one, "bulky", "Failed");
    assertThat(ended.at("/status/reason").asText()).isEqualTo("Evicted");
    assertThat(ended.at("/status/message").asText()).contains("ephemeral local storage");
  }

  @Test
  void aProxyBeforeTheApiServerIsSlowedAndCut() {
    Path proxied = one.proxied();
    assertThat(millisecondsOf(proxied)).isBetween(0L, 1000L);
    one.slow(600);
    assertThat(millisecondsOf(proxied)).isGreaterThan(1200);
    one.mend();
    one.cut();
    assertThat(millisecondsOf(proxied)).isNegative();
    one.mend();
    one.hang();
    assertThat(millisecondsOf(proxied)).isNegative();
    one.mend();
    one.mute();
    assertThat(millisecondsOf(proxied)).isNegative();
    one.mend();
    assertThat(millisecondsOf(proxied)).isBetween(0L, 1000L);
  }

  @Test
  void theAuditLogCountsTheCallsOfAUser() {
    one.create(PODS, one.shellPod("counted", "true"));
    awaitPhase(one, "counted", "Succeeded");
    one.delete(PODS + "/counted");
    List<Cluster.Call> calls =
        one.calls(call -> call.user().equals("admin") && call.name().equals("counted"));
    assertThat(calls).filteredOn(Cluster.Call::writes).hasSizeBetween(1, 2);
    assertThat(calls).extracting(Cluster.Call::verb).contains("get", "delete");
    assertThat(one.calls(call -> call.user().startsWith("system:node"))).isEmpty();
  }

  private static boolean reachesThisMachine(Cluster cluster) {
    return cluster.exec("busybox", "ping", "-c", "1", "-W", "1", testbed.address()) == 0;
  }

  private static JsonNode awaitPhase(Cluster cluster, String pod, String phase) {
    JsonNode[] last = new JsonNode[1];
    await()
        .alias(pod + " on " + cluster + " is " + phase)
        .atMost(PATIENCE)
        .ignoreExceptions()
        .until(
            () -> {
              last[0] = cluster.get(PODS + "/" + pod).orElseThrow();
              return last[0].at("/status/phase").asText().equals(phase);
            });
    return last[0];
  }

  private static String serverOf(Path kubeconfig) {
    try {
      return Files.readString(kubeconfig).replaceAll("(?s).*server: \"([^\"]+)\".*", "$1");
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  /** How long a call takes; negative where it fails. */
  private static long millisecondsOf(Path kubeconfig) {
    long began = System.nanoTime();
    String server = serverOf(kubeconfig);
    Command.Result result =
        Command.run(
            List.of(
                "curl",
                "--silent",
                "--insecure",
                "--max-time",
                "3",
                "--noproxy",
                "*",
                server + "/version"),
            Map.of());
    return result.status() == 0 ? (System.nanoTime() - began) / 1_000_000 : -1;
  }
}
