package dev.grange.testbed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.condition.DisabledIfEnvironmentVariable;

/**
 * Every way in which a pod can die or not come to life, on a real kubelet, and what people see of
 * it. All builds are submitted and all deaths are died before the first test: their waits overlap.
 *
 * <p>The farm knows one real cluster by several names, each with something wrong. A build that one
 * of them may have asks for its label, which the sound one has too: that weighs least, so the other
 * is tried first.
 */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@DisabledIfEnvironmentVariable(
    named = "GRANGE_E2E_KUBECONFIGS",
    matches = ".+",
    disabledReason = "NOT TESTED: no faults are done to clusters that are given")
class PodDeathsE2eIT {
  private static final String SOUND = "deaths";

  /** Names of the sound cluster by which it is not. */
  private static final List<String> ILL =
      List.of("small", "imageless", "full", "strict", "forbidden", "nowhere", "secretless");

  private static final Map<String, String> BUILDS = new TreeMap<>();

  private static Testbed testbed;
  private static FarmOnClusters on;
  private static Cluster cluster;
  private static Gate gate;

  @BeforeAll
  static void everyDeathIsDied() throws Exception {
    testbed = Testbed.up(SOUND);
    cluster = testbed.cluster(SOUND);
    gate = new Gate(testbed.address());
    List<String> options = new ArrayList<>(List.of("--slots", "12", "--weight", "1"));
    options.addAll(List.of("--memory", "1Gi", "--keep-failed", "15s"));
    ILL.forEach(name -> options.addAll(List.of("--label", name + "=yes")));
    on =
        FarmOnClusters.on(
            testbed,
            SOUND,
            Map.of("GRANGE_ATTEMPTS_START_LIMIT", "40s", "GRANGE_ATTEMPTS_FIRST_DELAY", "1s"),
            options.toArray(String[]::new));
    registerTheIll();
    submit();
    die();
  }

  @AfterAll
  static void down() {
    try (Testbed _ = testbed;
        Gate _ = gate;
        FarmOnClusters _ = on) {
      // each is closed, whatever happens to the others
    }
  }

  private static void registerTheIll() throws Exception {
    Path sound = on.admit(cluster, FarmOnClusters.NAMESPACE);
    ill("small", sound, FarmOnClusters.NAMESPACE, "--memory", "256Mi", "--storage", "1Gi");
    ill(
        "imageless",
        sound,
        FarmOnClusters.NAMESPACE,
        "--worker-image",
        testbed.address() + ":1/grange/worker:none");
    ill("nowhere", sound, FarmOnClusters.NAMESPACE, "--node-selector", "disk=golden");
    ill("secretless", sound, FarmOnClusters.NAMESPACE, "--image-pull-secret", "registry-login");

    Path full = on.admit(cluster, "deaths-full");
    cluster.create(
        "/api/v1/namespaces/deaths-full/resourcequotas",
        Farm.JSON.readTree(
            """
            {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
            """));
    ill("full", full, "deaths-full");

    Path strict = on.admit(cluster, "deaths-strict");
    String policies = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic";
    cluster.create(
        policies + "ies",
        Farm.JSON.readTree(
            """
            {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "strict"},
             "spec": {"failurePolicy": "Fail",
              "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]},
              "validations": [{"expression": "false", "message": "no builds on a Sunday"}]}}
            """));
    cluster.create(
        policies + "ybindings",
        Farm.JSON.readTree(
            """
            {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "strict"},
             "spec": {"policyName": "strict", "validationActions": ["Deny"],
              "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "deaths-strict"}}}}}
            """));
    ill("strict", strict, "deaths-strict");

    // it may look, and make nothing
    Path forbidden = on.admit(cluster, "deaths-forbidden");
    cluster.must("--namespace", "deaths-forbidden", "delete", "rolebinding", "grange");
    cluster.must(
        "--namespace",
        "deaths-forbidden",
        "create",
        "rolebinding",
        "looks",
        "--clusterrole=view",
        "--serviceaccount=deaths-forbidden:grange");
    ill("forbidden", forbidden, "deaths-forbidden");

    // it may not even look
    Path revoked = on.admit(cluster, "deaths-revoked");
    cluster.must("--namespace", "deaths-revoked", "delete", "rolebinding", "grange");
    ill("revoked", revoked, "deaths-revoked");
  }

  /** Takes work although its check does not pass: somebody insists. */
  private static void ill(String name, Path kubeconfig, String namespace, String... more) {
    List<String> options =
        new ArrayList<>(List.of("--slots", "4", "--weight", "1000", "--keep-failed", "15s"));
    options.addAll(List.of("--label", name + "=yes"));
    options.addAll(List.of(more));
    on.register(name, kubeconfig, namespace, options.toArray(String[]::new));
    on.farm().must("clusters", "uncordon", name, "--note", "all the same");
  }

  private static void submit() throws Exception {
    // the slow ones first
    pinned("storage", "small", "/bin/fallocate -l 1100M /big && sleep 300");
    asking("missing-secret", "secretless", "true");
    asking("unschedulable", "nowhere", "true");
    asking("image", "imageless", "true");
    pinned("revoked", "revoked", "true");
    pinned("deleted", SOUND, gate.script("deleted"));
    pinned("forced", SOUND, gate.script("forced"));
    pinned("preempted", SOUND, gate.script("preempted"));
    pinned("deadline", SOUND, gate.script("deadline"));
    pinned("quota", "full", "true");
    asking("admission", "strict", "true");
    asking("forbidden", "forbidden", "true");
    pinned("user", SOUND, "echo this is wrong >&2; exit 7");
    ObjectNode late = scratch("late", "sleep 300").put("cluster", SOUND).put("timeout_seconds", 5);
    BUILDS.put("late", on.farm().submit(late));
    asking("memory", "small", "dd if=/dev/zero of=/dev/null bs=400M count=1");
  }

  /** One that is not tested afterwards: a test may go to any cluster. */
  private static ObjectNode scratch(String name, String script) {
    return on.build(name, script).put("scratch", true);
  }

  private static void asking(String name, String label, String script) throws Exception {
    ObjectNode build = scratch(name, script);
    build.putObject("cluster_selector").put(label, "yes");
    BUILDS.put(name, on.farm().submit(build));
  }

  private static void pinned(String name, String where, String script) throws Exception {
    BUILDS.put(name, on.farm().submit(scratch(name, script).put("cluster", where)));
  }

  private static void die() throws Exception {
    gate.awaitKnock("deleted");
    cluster.must("--namespace", FarmOnClusters.NAMESPACE, "delete", "--wait=false", pod("deleted"));
    gate.awaitKnock("forced");
    cluster.must(
        "--namespace",
        FarmOnClusters.NAMESPACE,
        "delete",
        "--force",
        "--wait=false",
        pod("forced"));
    gate.awaitKnock("deadline");
    // the pod has one already; an hour later than a test can wait for
    cluster.must(
        "--namespace",
        FarmOnClusters.NAMESPACE,
        "patch",
        pod("deadline"),
        "--patch={\"spec\": {\"activeDeadlineSeconds\": 5}}");
    gate.awaitKnock("preempted");
    preempt();
  }

  private static String pod(String name) {
    return "pod/" + on.awaitRunningPod(cluster, BUILDS.get(name)).at("/metadata/name").asText();
  }

  /** By something that matters more and does not bear this attempt beside it. */
  private static void preempt() throws Exception {
    cluster.create(
        "/apis/scheduling.k8s.io/v1/priorityclasses",
        Farm.JSON.readTree(
            """
            {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "important"}, "value": 1000000}
            """));
    ObjectNode pod = cluster.shellPod("important", "true");
    ((ObjectNode) pod.get("spec"))
        .put("priorityClassName", "important")
        .set(
            "affinity",
            Farm.JSON.readTree(
                """
                {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
                  {"topologyKey": "kubernetes.io/hostname", "namespaces": ["%s"],
                   "labelSelector": {"matchLabels": {"grange.dev/attempt": "%s"}}}]}}
                """
                    .formatted(
                        FarmOnClusters.NAMESPACE,
                        on.attempts(BUILDS.get("preempted")).getFirst().path("id").asText())));
    cluster.create("/api/v1/namespaces/default/pods", pod);
  }

  // ── What people see

  /** How one attempt ended: where, as what, why, and in which words. */
  private record End(String where, String state, String fault, String reason, String sentence) {}

  private static final End BUILT = new End(SOUND, "SUCCEEDED", "", "", "");

  /**
   * Waits for a build's end and compares its attempts, what is said of it, and that people are told
   * the same.
   */
  private static void assertEnds(String name, End... expected) throws Exception {
    String id = BUILDS.get(name);
    JsonNode build = on.farm().awaitFinal(id);
    List<JsonNode> attempts = on.attempts(id);
    String shown = on.farm().must("builds", "show", id);
    List<End> seen = new ArrayList<>();
    for (int i = 0; i < attempts.size(); i++) {
      JsonNode attempt = attempts.get(i);
      JsonNode failure = attempt.path("failure");
      String sentence = i < expected.length ? expected[i].sentence() : "";
      assertThat(failure.path("message").asText()).as(shown).contains(sentence);
      seen.add(
          new End(
              attempt.path("cluster").asText(),
              attempt.path("state").asText(),
              failure.path("fault").asText("").replace("null", ""),
              failure.path("reason").asText(""),
              sentence));
    }
    assertThat(seen).as(shown).containsExactly(expected);
    End last = expected[expected.length - 1];
    String explained = on.farm().must("builds", "explain", id);
    if (last.equals(BUILT)) {
      assertThat(build.path("state").asText()).isEqualTo("SUCCEEDED");
      assertThat(explained).startsWith("SUCCEEDED: Built");
    } else {
      assertThat(build.path("state").asText()).isEqualTo("FAILED");
      assertThat(build.at("/failure/fault").asText()).isEqualTo(last.fault());
      assertThat(build.at("/failure/reason").asText()).isEqualTo(last.reason());
      assertThat(explained).startsWith("FAILED: " + last.reason()).contains(last.sentence());
    }
    for (End end : expected) {
      String what = end.state().equals("INTERRUPTED") ? "interrupted, " : end.fault() + ", ";
      assertThat(shown)
          .containsPattern(end.state() + " on " + end.where() + "(, " + SOUND + "-node)?  queued");
      if (!end.reason().isEmpty()) {
        assertThat(shown).contains(what + end.reason());
      }
    }
  }

  private static End failed(String where, String fault, String reason, String sentence) {
    return new End(where, "FAILED", fault, reason, sentence);
  }

  private static End interrupted(String reason, String sentence) {
    return new End(SOUND, "INTERRUPTED", "", reason, sentence);
  }

  @Test
  @Order(1)
  void anErrorOfTheUserIsNotTriedAgain() throws Exception {
    assertEnds("user", failed(SOUND, "USER", "BuildFailed", "this is wrong"));
  }

  @Test
  @Order(1)
  void aBuildThatIsOutOfItsTimeIsNotTriedAgain() throws Exception {
    assertEnds("late", failed(SOUND, "USER", "TimedOut", "build failed"));
  }

  @Test
  @Order(1)
  void aDeadlineThatTheKubeletKeepsIsATimeout() throws Exception {
    assertEnds("deadline", failed(SOUND, "USER", "TimedOut", "it ran longer than it may"));
  }

  @Test
  @Order(1)
  void whoIsOutOfMemoryIsTriedWhereThereIsMore() throws Exception {
    assertEnds("memory", failed("small", "INFRA", "OutOfMemory", "memory"), BUILT);
  }

  @Test
  @Order(1)
  void whatAQuotaRefusesIsTriedThreeTimesAndThenTheFarmsFault() throws Exception {
    End refused = failed("full", "INFRA", "ClusterRefused", "exceeded quota: none");
    assertEnds("quota", refused, refused, refused);
  }

  @Test
  @Order(1)
  void whatAnAdmissionPolicyRefusesIsTriedElsewhere() throws Exception {
    assertEnds(
        "admission", failed("strict", "INFRA", "ClusterRefused", "no builds on a Sunday"), BUILT);
  }

  @Test
  @Order(1)
  void whatTheFarmHasNoRightToMakeIsTriedElsewhere() throws Exception {
    assertEnds(
        "forbidden",
        failed("forbidden", "INFRA", "ClusterRefused", "cannot create resource \"pods\""),
        BUILT);
  }

  @Test
  @Order(2)
  void aPodThatSomebodyDeletesGoesOnByItself() throws Exception {
    gate.awaitKnock("deleted");
    gate.open("deleted");
    assertEnds("deleted", interrupted("PodEvicted", "somebody deleted the pod"), BUILT);
  }

  @Test
  @Order(2)
  void aPodThatSomebodyDeletesByForceGoesOnByItself() throws Exception {
    gate.awaitKnock("forced");
    gate.open("forced");
    assertEnds("forced", interrupted("PodEvicted", "somebody deleted the pod"), BUILT);
  }

  @Test
  @Order(2)
  void whatSomethingMoreImportantPushedAwayGoesOnByItself() throws Exception {
    gate.awaitKnock("preempted");
    gate.open("preempted");
    assertEnds("preempted", interrupted("Preempted", "something more important"), BUILT);
  }

  @Test
  @Order(3)
  void anImageThatIsNotThereIsTriedElsewhere() throws Exception {
    assertEnds(
        "image", failed("imageless", "INFRA", "WorkerImagePull", "grange/worker:none"), BUILT);
  }

  @Test
  @Order(3)
  void aPodThatFitsNowhereIsTriedElsewhere() throws Exception {
    assertEnds(
        "unschedulable", failed("nowhere", "INFRA", "ClusterRefused", "Unschedulable"), BUILT);
  }

  @Test
  @Order(3)
  void aSecretThatIsMissingIsForAnOperatorToMend() throws Exception {
    assertEnds(
        "missing-secret",
        failed("secretless", "CONFIG", "MissingSecret", "secret \"registry-login\" not found"));
  }

  @Test
  @Order(3)
  void aClusterThatTakesAllRightsAwayIsNotReachableAndItsBuildWaitsAndGoesOn() throws Exception {
    String build = BUILDS.get("revoked");
    String show = on.farm().must("clusters", "show", "revoked");
    assertThat(show).contains("403").contains("cannot list resource \"pods\"");
    assertThat(on.farm().must("builds", "explain", build))
        .startsWith("QUEUED: NoClusterAvailable")
        .contains("revoked: ");
    assertThat(on.attempts(build)).isEmpty();
    Path _ = on.admit(cluster, "deaths-revoked");
    assertThat(on.farm().awaitFinal(build).path("state").asText()).isEqualTo("SUCCEEDED");
  }

  @Test
  @Order(3)
  void aPodThatOutgrowsItsStorageHasTheUserToBlame() throws Exception {
    assertEnds(
        "storage",
        failed("small", "USER", "StorageLimitExceeded", "exceeds the limit \"1073741824\""));
  }

  @Test
  @Order(4)
  void allSlotsAreFreeAgainAndNothingIsLeft() throws Exception {
    for (JsonNode one : on.farm().json("/clusters").path("items")) {
      assertThat(one.path("slots_used").asInt()).as(one.toString()).isZero();
    }
    await()
        .atMost(Duration.ofMinutes(2))
        .pollInterval(Duration.ofSeconds(1))
        .untilAsserted(
            () -> {
              for (String kind : List.of("pods", "secrets")) {
                // a check of a cluster that cannot start anything waits for two minutes
                assertThat(
                        cluster.list(
                            "/api/v1/%s?labelSelector=grange.dev/farm,grange.dev/kind!=probe"
                                .formatted(kind)))
                    .as(kind)
                    .isEmpty();
              }
            });
  }
}
