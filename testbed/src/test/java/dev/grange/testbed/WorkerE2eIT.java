package dev.grange.testbed;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIfEnvironmentVariable;
import org.junit.jupiter.api.io.TempDir;

/**
 * The worker image in pods with the rights of a worker, in a namespace that admits no more than Pod
 * Security's level baseline; without a farm. What kubelets make of its deaths is seen here first.
 */
@DisabledIfEnvironmentVariable(
    named = "GRANGE_E2E_KUBECONFIGS",
    matches = ".+",
    disabledReason = "NOT TESTED: the worker image is loaded into nodes of the testbed only")
class WorkerE2eIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration PATIENCE = Duration.ofMinutes(3);
  private static final String NAMESPACE = "/api/v1/namespaces/workers";
  private static final String PODS = NAMESPACE + "/pods";

  @TempDir private static Path folder;
  private static Testbed testbed;
  private static Cluster cluster;
  private static Process registryProcess;
  private static String registry;

  @BeforeAll
  static void up() throws IOException {
    testbed = Testbed.up("bed-worker");
    cluster = testbed.cluster("bed-worker");
    String archive = System.getenv("GRANGE_E2E_WORKER_ARCHIVE");
    assertThat(archive).as("GRANGE_E2E_WORKER_ARCHIVE, which ./grange test e2e sets").isNotNull();
    cluster.load(Path.of(archive));
    ObjectNode namespace = JSON.createObjectNode().put("apiVersion", "v1").put("kind", "Namespace");
    namespace
        .putObject("metadata")
        .put("name", "workers")
        .putObject("labels")
        .put("pod-security.kubernetes.io/enforce", "baseline");
    cluster.create("/api/v1/namespaces", namespace);
    await()
        .atMost(PATIENCE)
        .until(() -> cluster.get(NAMESPACE + "/serviceaccounts/default").isPresent());
    startRegistry();
  }

  @AfterAll
  static void down() {
    if (registryProcess != null) {
      registryProcess.destroy();
    }
    if (testbed != null) {
      testbed.close();
    }
  }

  @Test
  void buildsPushesAndTestsAnImageWithThreeCapabilitiesAndNoMore() throws Exception {
    run(
        "builds",
        pod("builds"),
        steps(
            step(
                "unpack",
                "WorkerBroken",
                "bash",
                "-c",
                "cp --parents -L /bin/sh $(ldd /bin/sh | grep -o '/[^ ]*') context"),
            step(
                "build",
                "BuildFailed",
                "buildah",
                "build",
                "--isolation",
                "chroot",
                "--timestamp",
                "0",
                "--identity-label=false",
                "--format",
                "oci",
                "--file",
                "../files/Containerfile",
                "--tag",
                "candidate",
                "context"),
            step(
                "push",
                "PushFailed",
                "buildah",
                "push",
                "--digestfile",
                "digest",
                "candidate",
                "docker://" + registry + "/attempts/a")));
    JsonNode ended = awaitEnd("builds");
    assertThat(ended.at("/status/phase").asText()).as(ended.toString()).isEqualTo("Succeeded");
    assertThat(result(ended).get("outcome").asText()).isEqualTo("SUCCEEDED");
    assertThat(
            HttpClient.newHttpClient()
                .send(
                    HttpRequest.newBuilder(
                            URI.create(
                                "http://%s/v2/attempts/a/manifests/%s"
                                    .formatted(registry, result(ended).get("digest").asText())))
                        .header("Accept", "application/vnd.oci.image.manifest.v1+json")
                        .build(),
                    BodyHandlers.discarding())
                .statusCode())
        .isEqualTo(200);
    assertThat(cluster.log("workers", "builds"))
        .startsWith("buildah version ")
        .contains("storage overlay", "a step has run", "::grange::section::push::end::");

    String candidate = registry + "/attempts/a@" + result(ended).get("digest").asText();
    run(
        "smokes",
        pod("smokes"),
        steps(step("test", "TestFailed", "grange-smoke", candidate)).put("kind", "test"));
    assertThat(result(awaitEnd("smokes")).get("outcome").asText()).isEqualTo("SUCCEEDED");
  }

  @Test
  void theProbeSaysWhatWorksAndWhatCannotBeReached() throws Exception {
    ObjectNode pod = pod("probe");
    ArrayNode command = container(pod).putArray("command");
    command.add("grange-worker-probe").add(registry).add(testbed.address() + ":1");
    run("probe", pod, steps(step("unused", "BuildFailed", "true")));
    JsonNode report = result(awaitEnd("probe"));
    assertThat(report.get("new_enough").asBoolean()).isTrue();
    assertThat(report.get("features"))
        .isEqualTo(
            JSON.readTree(
                """
                {"run":true,"heredoc":true,"source_date_epoch":true,"overlay":true,"userns":true,
                 "seccomp":false,"host_users":true}\
                """));
    assertThat(report.at("/reach").get(registry).asBoolean()).isTrue();
    assertThat(report.at("/reach").get(testbed.address() + ":1").asBoolean()).isFalse();
  }

  @Test
  void theProbeTellsWhyNoRunLineWorksUnderTheRuntimesOwnSeccompFilter() throws Exception {
    ObjectNode pod = pod("probe-filtered");
    container(pod).putArray("command").add("grange-worker-probe");
    ((ObjectNode) container(pod).get("securityContext"))
        .putObject("seccompProfile")
        .put("type", "RuntimeDefault");
    run("probe-filtered", pod, steps(step("unused", "BuildFailed", "true")));
    JsonNode report = result(awaitEnd("probe-filtered"));
    assertThat(report.at("/features/run").asBoolean()).isFalse();
    assertThat(report.at("/features/seccomp").asBoolean()).isTrue();
    assertThat(report.get("driver").asText()).isEqualTo("vfs");
    assertThat(report.get("problem").asText()).contains("Operation not permitted");
  }

  @Test
  void aBuildThatRunsOutOfMemoryIsToldByItsWorkerWhichLives() throws Exception {
    ObjectNode pod = pod("hungry");
    ((ObjectNode) container(pod).at("/resources/limits")).put("memory", "128Mi");
    run(
        "hungry",
        pod,
        steps(
            step(
                "build",
                "BuildFailed",
                "bash",
                "-c",
                "bash -c 'a=$(head -c 600M /dev/zero | tr \"\\0\" x)' || exit 1")));
    JsonNode ended = awaitEnd("hungry");
    assertThat(result(ended).get("reason").asText()).isEqualTo("OutOfMemory");
    assertThat(terminated(ended).get("reason").asText()).isEqualTo("OOMKilled");
  }

  @Test
  void aBuildThatOutgrowsItsVolumeIsEvictedWithTheLimitNamed() throws Exception {
    ObjectNode pod = pod("fat");
    ((ObjectNode) pod.at("/spec/volumes/0/emptyDir")).put("sizeLimit", "30Mi");
    run(
        "fat",
        pod,
        steps(step("build", "BuildFailed", "bash", "-c", "head -c 60M /dev/zero >big; sleep 300")));
    JsonNode ended = awaitEnd("fat");
    assertThat(ended.at("/status/phase").asText()).isEqualTo("Failed");
    assertThat(ended.at("/status/reason").asText()).isEqualTo("Evicted");
    assertThat(ended.at("/status/message").asText())
        .contains("Usage of EmptyDir volume \"work\" exceeds the limit \"30Mi\"");
  }

  @Test
  void aBuildPastItsDeadlineIsEndedInOrder() throws Exception {
    ObjectNode pod = pod("late");
    ((ObjectNode) pod.get("spec")).put("activeDeadlineSeconds", 8);
    run("late", pod, steps(step("build", "BuildFailed", "sleep", "300")));
    JsonNode ended = awaitEnd("late");
    assertThat(ended.at("/status/reason").asText()).isEqualTo("DeadlineExceeded");
    assertThat(result(ended).get("reason").asText()).isEqualTo("Interrupted");
    assertThat(cluster.log("workers", "late")).contains("grange: build was stopped by a signal");
  }

  @Test
  void aWorkerThatIsTooOldRefusesUnlessTheInputIsTrusted() throws Exception {
    ObjectNode old = pod("old");
    ((ArrayNode) container(old).get("env"))
        .addObject()
        .put("name", "GRANGE_MIN_BUILDAH")
        .put("value", "99.0");
    ObjectNode trusted = old.deepCopy();
    run("old", old, steps(step("test", "TestFailed", "true")));
    JsonNode refused = result(awaitEnd("old"));
    assertThat(refused.get("reason").asText()).isEqualTo("WorkerTooOld");
    assertThat(refused.get("steps")).isEmpty();
    named(trusted, "trusted");
    ((ArrayNode) container(trusted).get("env"))
        .addObject()
        .put("name", "GRANGE_TRUSTED_INPUT")
        .put("value", "1");
    run("trusted", trusted, steps(step("test", "TestFailed", "true")).put("kind", "test"));
    assertThat(result(awaitEnd("trusted")).get("outcome").asText()).isEqualTo("SUCCEEDED");
  }

  private static void startRegistry() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getByName(testbed.address()))) {
      registry = testbed.address() + ":" + socket.getLocalPort();
    }
    Path settings = folder.resolve("registry.yml");
    Files.writeString(
        settings,
        """
        {version: 0.1, log: {level: error}, http: {addr: "%s"}, storage: {filesystem: {rootdirectory: "%s"}}}
        """
            .formatted(registry, folder.resolve("registry")));
    registryProcess =
        new ProcessBuilder("docker-registry", "serve", settings.toString())
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("registry.log").toFile())
            .start();
    HttpRequest ping = HttpRequest.newBuilder(URI.create("http://" + registry + "/v2/")).build();
    await()
        .atMost(PATIENCE)
        .ignoreExceptions()
        .until(
            () ->
                HttpClient.newHttpClient().send(ping, BodyHandlers.discarding()).statusCode()
                    == 200);
  }

  private static ObjectNode step(String name, String reason, String... argv) {
    ObjectNode step =
        JSON.createObjectNode()
            .put("name", name)
            .put("timeout_seconds", 600)
            .put("failure_reason", reason);
    ArrayNode arguments = step.putArray("argv");
    List.of(argv).forEach(arguments::add);
    return step;
  }

  private static ObjectNode steps(ObjectNode... steps) {
    ObjectNode job =
        JSON.createObjectNode().put("version", 1).put("attempt", "e2e").put("kind", "build");
    job.putArray("probe").add(registry);
    job.putArray("steps").addAll(List.of(steps));
    return job;
  }

  /** The pod as the scheduler makes it, in what matters to the worker. */
  private static ObjectNode pod(String name) throws IOException {
    ObjectNode pod =
        (ObjectNode)
            JSON.readTree(
                """
                {"apiVersion": "v1", "kind": "Pod", "metadata": {},
                 "spec": {
                   "restartPolicy": "Never", "automountServiceAccountToken": false,
                   "enableServiceLinks": false, "terminationGracePeriodSeconds": 20,
                   "activeDeadlineSeconds": 600, "dnsPolicy": "Default",
                   "volumes": [{"name": "work", "emptyDir": {"sizeLimit": "2Gi"}},
                     {"name": "input", "secret": {}}],
                   "containers": [{
                     "name": "worker", "image": "localhost/grange/worker:1",
                     "imagePullPolicy": "Never", "command": ["grange-worker-entrypoint"],
                     "env": [{"name": "GRANGE_JOB", "value": "/grange/job"},
                       {"name": "GRANGE_INPUT", "value": "/grange/input"}],
                     "securityContext": {"runAsUser": 0, "allowPrivilegeEscalation": false,
                       "capabilities": {"drop": ["ALL"], "add": ["SETUID", "SETGID", "SETFCAP"]}},
                     "resources": {
                       "requests": {"memory": "64Mi", "ephemeral-storage": "30Mi"},
                       "limits": {"memory": "1Gi", "ephemeral-storage": "2Gi"}},
                     "volumeMounts": [{"name": "work", "mountPath": "/grange/job"},
                       {"name": "input", "mountPath": "/grange/input", "readOnly": true}]}]}}
                """);
    named(pod, name);
    return pod;
  }

  private static void named(ObjectNode pod, String name) {
    ((ObjectNode) pod.get("metadata")).put("name", name);
    ((ObjectNode) pod.at("/spec/volumes/1/secret")).put("secretName", name);
  }

  private static ObjectNode container(ObjectNode pod) {
    return (ObjectNode) pod.at("/spec/containers/0");
  }

  /** First the pod and then its Secret, as the scheduler does it. */
  private static void run(String name, ObjectNode pod, ObjectNode job) {
    cluster.create(PODS, pod);
    ObjectNode secret = JSON.createObjectNode().put("apiVersion", "v1").put("kind", "Secret");
    secret.putObject("metadata").put("name", name);
    ObjectNode data = secret.putObject("data");
    Map.of(
            "job.json",
            job.toString(),
            "registries.conf",
            "[[registry]]\nlocation = \"%s\"\ninsecure = true\n".formatted(registry),
            "Containerfile",
            "FROM scratch\nCOPY . /\nRUN echo built >/name && echo 'a step has run'\n")
        .forEach(
            (file, text) ->
                data.put(file, Base64.getEncoder().encodeToString(text.getBytes(UTF_8))));
    cluster.create(NAMESPACE + "/secrets", secret);
  }

  private static JsonNode awaitEnd(String pod) {
    return await()
        .alias(pod + " ends")
        .atMost(PATIENCE)
        .until(
            () -> cluster.get(PODS + "/" + pod).orElseThrow(),
            seen -> List.of("Succeeded", "Failed").contains(seen.at("/status/phase").asText()));
  }

  private static JsonNode terminated(JsonNode pod) {
    return pod.at("/status/containerStatuses/0/state/terminated");
  }

  private static JsonNode result(JsonNode pod) throws IOException {
    String message = terminated(pod).path("message").asText();
    assertThat(message).as(pod.toString()).startsWith("{");
    return JSON.readTree(message);
  }
}
