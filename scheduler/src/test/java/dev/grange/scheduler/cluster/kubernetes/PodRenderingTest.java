package dev.grange.scheduler.cluster.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;

import dev.grange.domain.worker.Job;
import dev.grange.scheduler.cluster.PodRequest;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What the API server is sent, as files beside the tests: {@code -Dgolden=update} writes them. */
class PodRenderingTest {
  private static final Path GOLDEN =
      Path.of(System.getProperty("basedir", ""))
          .toAbsolutePath()
          .resolve("src/test/resources/golden");

  private static final String PLAIN =
      """
      {"credential": {"kubeconfig_file": "/etc/grange/one"}, "namespace": "grange-builds",
       "worker_image": "registry.example/grange/worker@sha256:0", "memory_bytes": 4294967296, "storage_bytes": 21474836480}
      """;

  private static final String FULL =
      """
      {"server": "https://api.example:6443", "ca_file": "/etc/grange/ca.pem", "credential": {"token_file": "/etc/grange/token"},
       "namespace": "grange-builds", "worker_image": "registry.example/grange/worker:1", "memory_bytes": 536870912,
       "storage_bytes": 1073741824, "proxy": {"http": "http://proxy:3128", "https": "http://proxy:3128", "no": "10.0.0.0/8"},
       "ca_bundle_config_map": "company-ca", "registries_conf_config_map": "mirrors",
       "image_pull_secrets": ["pull", "old-dockercfg"], "trusted_input": true, "node_selector": {"disk": "ssd"},
       "tolerations": [{"key": "builds", "operator": "Exists", "effect": "NoSchedule"},
         {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "toleration_seconds": 20}]}
      """;

  private static PodRequest request(Set<String> avoid) {
    Map<String, String> files = new LinkedHashMap<>();
    files.put("Containerfile", "FROM scratch\n");
    files.put("registries.conf", "[[registry]]\n");
    Job job =
        new Job(
            "0197-attempt",
            "build",
            List.of("10.200.0.1:5000"),
            List.of(new Job.Step("build", List.of("buildah", "build"), 60, 0, 1, "BuildFailed")),
            "digest",
            files);
    Map<String, String> labels = new LinkedHashMap<>();
    labels.put(PodRequest.FARM, "the farm of Ärger & Söhne");
    labels.put(PodRequest.BUILD, "0197-build");
    labels.put(PodRequest.ATTEMPT, "0197-attempt");
    labels.put(PodRequest.PROJECT, "default");
    labels.put(PodRequest.KIND, "build");
    return new PodRequest("grange-0197-attempt", job, labels, avoid, 3600);
  }

  private static void assertSame(String name, Object rendered) throws IOException {
    String text = Serialization.asYaml(rendered);
    Path file = GOLDEN.resolve(name);
    if ("update".equals(System.getProperty("golden"))) {
      Files.createDirectories(GOLDEN);
      Files.writeString(file, text);
    }
    assertThat(text)
        .as("%s; to write it anew: -Dgolden=update", name)
        .isEqualTo(Files.readString(file));
  }

  @Test
  void aPodOnAClusterOfWhichNothingIsKnown() throws Exception {
    assertSame(
        "pod-plain.yaml",
        new PodRendering(KubernetesConfig.parse(PLAIN), Map.of()).pod(request(Set.of())));
  }

  @Test
  void aPodOnAClusterThatCanDoMoreAndHasAProxyMirrorsAndSecrets() throws Exception {
    Map<String, String> features =
        Map.of("user_namespaces", "true", "seccomp", "true", "driver", "overlay");
    assertSame(
        "pod-full.yaml",
        new PodRendering(KubernetesConfig.parse(FULL), features)
            .pod(request(Set.of("node-b", "node-a"))));
  }

  @Test
  void theSecretGoesWithItsPodAndHoldsTheWholeInput() throws Exception {
    assertSame(
        "pod-secret.yaml",
        new PodRendering(KubernetesConfig.parse(PLAIN), Map.of())
            .secret(request(Set.of()), "uid-1"));
  }

  @Test
  void theProbePod() throws Exception {
    assertSame(
        "pod-probe.yaml",
        new PodRendering(KubernetesConfig.parse(PLAIN), Map.of())
            .probe(
                "grange-probe-1",
                Map.of(PodRequest.FARM, "grange", PodRequest.KIND, "probe"),
                List.of("10.200.0.1:5000"),
                false,
                false));
  }

  @Test
  void noSecretIsInThePodItself() {
    Pod pod = new PodRendering(KubernetesConfig.parse(PLAIN), Map.of()).pod(request(Set.of()));
    assertThat(Serialization.asYaml(pod)).doesNotContain("FROM scratch").doesNotContain("buildah");
  }

  @Test
  void aLabelIsOneWhateverTheFarmIsCalled() {
    assertThat(PodRendering.label("..a/b c" + "x".repeat(80)))
        .matches("[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?");
  }

  @Test
  void aContainerfileOfHalfAMebibyteFitsIntoTheSecret() {
    PodRequest request = request(Set.of());
    request.job().files().put("Containerfile", "#".repeat(512 * 1024));
    assertThat(
            Serialization.asJson(
                    new PodRendering(KubernetesConfig.parse(PLAIN), Map.of())
                        .secret(request, "uid-1"))
                .length())
        .isLessThan(1024 * 1024);
  }

  @Test
  void aConfigurationThatLacksSomethingSaysWhat() {
    org.assertj.core.api.Assertions.assertThatThrownBy(
            () -> KubernetesConfig.parse("{\"namespace\": \"n\"}"))
        .hasMessageContaining("worker_image");
    org.assertj.core.api.Assertions.assertThatThrownBy(
            () -> KubernetesConfig.parse("{\"namespace\": \"n\", \"worker_image\": \"w\"}"))
        .hasMessageContaining("kubeconfig_file");
  }
}
