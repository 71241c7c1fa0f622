package dev.grange.scheduler.cluster.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.grange.scheduler.cluster.ClusterGateway;
import dev.grange.scheduler.cluster.ClusterGatewayContract;
import dev.grange.scheduler.cluster.PodView;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * The kind {@code kubernetes}, on a real API server and kubelet.
 *
 * <p>{@code GRANGE_E2E_KUBECONFIG} names a kubeconfig for the namespace of {@code
 * GRANGE_E2E_NAMESPACE}, with the rights of deploy/cluster; {@code GRANGE_E2E_WORKER_IMAGE} is the
 * worker's image there; {@code GRANGE_E2E_KILL} is a command that kills everything of the pod whose
 * name it gets, behind the API server's back. Without them the tests fail: nobody is to take for
 * passed what did not run.
 */
class KubernetesClusterE2E extends ClusterGatewayContract {
  private static final String FARM = "contract";

  @BeforeAll
  static void aClusterIsGiven() {
    for (String name :
        List.of(
            "GRANGE_E2E_KUBECONFIG",
            "GRANGE_E2E_NAMESPACE",
            "GRANGE_E2E_WORKER_IMAGE",
            "GRANGE_E2E_KILL")) {
      assertThat(System.getenv(name)).as(name).isNotBlank();
    }
  }

  private static String given(String name) {
    return Objects.requireNonNull(System.getenv(name), name);
  }

  @Override
  protected ClusterGateway open() {
    String config =
        """
        {"credential": {"kubeconfig_file": "%s"}, "namespace": "%s", "worker_image": "%s",
         "memory_bytes": 536870912, "storage_bytes": 1073741824}
        """
            .formatted(
                given("GRANGE_E2E_KUBECONFIG"),
                given("GRANGE_E2E_NAMESPACE"),
                given("GRANGE_E2E_WORKER_IMAGE"));
    return new KubernetesCluster(
        "contract", config, Map.of(), FARM, Clock.systemUTC(), new Quiet());
  }

  private static final class Quiet implements KubernetesCluster.Outside {
    @Override
    public void reached() {}

    @Override
    public void failed(String why) {}

    @Override
    public List<String> addresses() {
      return List.of();
    }
  }

  @Override
  protected void close(ClusterGateway gateway) {
    ((KubernetesCluster) gateway).close();
  }

  @Override
  protected void kill(String pod) throws IOException {
    run(given("GRANGE_E2E_KILL"), pod);
  }

  @Override
  protected List<String> leftovers(String pod, String mark) throws IOException {
    List<String> left = new ArrayList<>();
    if (!api("get", "pod", pod, "--ignore-not-found", "--output=name").isBlank()) {
      left.add("file pod " + pod);
    }
    if (!api("get", "secret", pod, "--ignore-not-found", "--output=name").isBlank()) {
      left.add("file secret " + pod);
    }
    String running =
        api(
            "get",
            "pod",
            pod,
            "--ignore-not-found",
            "--output=jsonpath={.status.containerStatuses[*].state.running.startedAt}");
    if (!running.isBlank()) {
      left.add("process of " + pod);
    }
    return left;
  }

  @Test
  void podsThatHaveEndedAreDeletedTogether() throws Exception {
    ClusterGateway gateway = another();
    List<String> pods =
        Stream.generate(() -> ClusterGateway.podName(UUID.randomUUID())).limit(3).toList();
    String runs = ClusterGateway.podName(UUID.randomUUID());
    gateway.ensure(request(runs, job("sleep 600")));
    for (String pod : pods) {
      gateway.ensure(request(pod, job("true")));
    }
    for (String pod : pods) {
      PodView _ = awaitPhase(gateway, pod, PodView.Phase.ENDED);
    }
    for (String pod : pods) {
      gateway.discard(pod);
    }
    assertThat(api("get", "pods", "--output=name"))
        .as("they are gathered")
        .contains(pods.getFirst());
    await()
        .atMost(Duration.ofSeconds(60))
        .untilAsserted(() -> assertThat(api("get", "pods", "--output=name")).doesNotContain(pods));
    assertThat(gateway.see(runs)).as("and nothing else is").isPresent();
    gateway.remove(runs);
  }

  @Test
  void whatASchedulerThatDiesHasGatheredIsFoundByTheNextOne() throws Exception {
    ClusterGateway dies = another();
    String pod = ClusterGateway.podName(UUID.randomUUID());
    dies.ensure(request(pod, job("true")));
    PodView _ = awaitPhase(dies, pod, PodView.Phase.ENDED);
    dies.discard(pod);
    assertThat(dies.pods()).doesNotContain(pod);

    ClusterGateway next = another();
    assertThat(next.pods()).as("what is swept").contains(pod);
    next.remove(pod);
  }

  /** As an operator, who may see more than the farm: {@code GRANGE_E2E_ADMIN_KUBECONFIG}. */
  private static String api(String... arguments) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                "kubectl",
                "--kubeconfig",
                Objects.requireNonNullElse(
                    System.getenv("GRANGE_E2E_ADMIN_KUBECONFIG"), given("GRANGE_E2E_KUBECONFIG")),
                "--namespace",
                given("GRANGE_E2E_NAMESPACE")));
    command.addAll(List.of(arguments));
    return run(command.toArray(String[]::new));
  }

  private static String run(String... command) throws IOException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    StringBuilder said = new StringBuilder();
    try (BufferedReader out =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      out.lines().forEach(line -> said.append(line).append('\n'));
      assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(e);
    }
    assertThat(process.exitValue()).as("%s: %s", List.of(command), said).isZero();
    return said.toString();
  }
}
