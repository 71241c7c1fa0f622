package dev.grange.testbed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A farm that builds on two clusters and nowhere else. They are onboarded as the pages say: the
 * manifests of deploy/cluster, a kubeconfig of the service account that they make, {@code grange
 * clusters add}.
 */
final class FarmOnClusters implements AutoCloseable {
  static final String NAMESPACE = "grange-builds";
  static final String ACCOUNT = "system:serviceaccount:" + NAMESPACE + ":grange";
  static final String PODS = "/api/v1/namespaces/" + NAMESPACE + "/pods";

  private final Testbed testbed;
  private final Farm farm;
  private final String context;

  private FarmOnClusters(Testbed testbed, Farm farm, String context) {
    this.testbed = testbed;
    this.farm = farm;
    this.context = context;
  }

  /**
   * Starts the farm on clusters that are up, and waits until both take work.
   *
   * @param slots of each cluster
   */
  static FarmOnClusters on(Testbed testbed, String name, int slots) throws Exception {
    return on(testbed, name, Map.of(), "--slots", Integer.toString(slots));
  }

  /**
   * As the other.
   *
   * @param settings of the farm
   * @param options of each cluster's registration
   */
  static FarmOnClusters on(
      Testbed testbed, String name, Map<String, String> settings, String... options)
      throws Exception {
    Farm farm = Farm.up(name, testbed.address(), settings);
    try {
      String archive = System.getenv("GRANGE_E2E_WORKER_ARCHIVE");
      for (Cluster cluster : testbed.clusters()) {
        if (testbed.takesFaults()) {
          if (archive == null) {
            throw new IllegalStateException(
                "GRANGE_E2E_WORKER_ARCHIVE does not name the worker's image; ./grange test e2e"
                    + " does");
          }
          cluster.load(Path.of(archive));
          cluster.trust(farm.registry("candidate"));
          cluster.trust(farm.registry("stable"));
        }
        Path kubeconfig = admit(farm, cluster, testbed.address(), NAMESPACE);
        // the check of one goes on while the next is registered
        register(farm, cluster.name(), kubeconfig, NAMESPACE, options);
      }
      farm.must("clusters", "cordon", "local", "--note", "these tests are of the others");
      for (Cluster cluster : testbed.clusters()) {
        await()
            .alias(cluster + " takes work")
            .atMost(Duration.ofMinutes(3))
            .pollInterval(Duration.ofSeconds(1))
            .untilAsserted(
                () -> {
                  JsonNode shown = farm.json("/clusters/" + cluster.name());
                  assertThat(shown.path("desired").asText())
                      .as(shown.toString())
                      .isEqualTo("ACTIVE");
                });
      }
      return new FarmOnClusters(testbed, farm, farm.upload(farm.busybox()));
    } catch (Exception | AssertionError e) {
      farm.close();
      throw e;
    }
  }

  /**
   * What an administrator does before a cluster is registered.
   *
   * @return the kubeconfig that the farm gets
   */
  private static Path admit(Farm farm, Cluster cluster, String address, String namespace)
      throws IOException {
    Path manifests = farm.home().resolve(cluster + "-" + namespace + ".yaml");
    Files.writeString(
        manifests,
        farm.must(
            "clusters",
            "manifests",
            "--namespace",
            namespace,
            "--allow",
            farm.registry("candidate"),
            "--allow",
            address + ":" + farm.port("tokens")));
    cluster.must("apply", "-f", manifests.toString());
    return renew(farm, cluster, namespace);
  }

  private static Path renew(Farm farm, Cluster cluster, String namespace) throws IOException {
    Command.Result made =
        Command.run(
            List.of(
                Testbed.root().resolve("deploy/cluster/make-kubeconfig").toString(),
                "--namespace",
                namespace,
                "--duration",
                "2h"),
            Map.of("KUBECONFIG", cluster.kubeconfig().toString()));
    assertThat(made.status()).as(made.toString()).isZero();
    Path kubeconfig = farm.home().resolve(cluster + "-" + namespace + ".kubeconfig");
    Path fresh = farm.home().resolve("fresh.kubeconfig");
    Files.writeString(fresh, made.out());
    return Files.move(fresh, kubeconfig, StandardCopyOption.REPLACE_EXISTING);
  }

  private static void register(
      Farm farm, String name, Path kubeconfig, String namespace, String... options) {
    String given = System.getenv("GRANGE_E2E_WORKER_IMAGE");
    List<String> command =
        new ArrayList<>(
            List.of(
                "clusters",
                "add",
                name,
                "--nowait",
                "--kubeconfig",
                kubeconfig.toString(),
                "--namespace",
                namespace));
    List<String> all = List.of(options);
    for (Map.Entry<String, String> usual :
        Map.of(
                "--worker-image",
                given == null ? "localhost/grange/worker:1" : given,
                "--storage",
                "2Gi",
                "--memory",
                "512Mi")
            .entrySet()) {
      if (!all.contains(usual.getKey())) {
        command.addAll(List.of(usual.getKey(), usual.getValue()));
      }
    }
    command.addAll(all);
    farm.must(command.toArray(String[]::new));
  }

  /** Prepares a namespace for the farm, as an administrator does, and returns the kubeconfig. */
  Path admit(Cluster cluster, String namespace) throws IOException {
    return admit(farm, cluster, testbed.address(), namespace);
  }

  /** Makes a new token for the farm and moves it over the old one. */
  void renewCredential(Cluster cluster) throws IOException {
    Path _ = renew(farm, cluster, NAMESPACE);
  }

  /** Registers a cluster under a name of its own, and does not wait for its check. */
  void register(String name, Path kubeconfig, String namespace, String... options) {
    register(farm, name, kubeconfig, namespace, options);
  }

  Testbed testbed() {
    return testbed;
  }

  Farm farm() {
    return farm;
  }

  List<Cluster> clusters() {
    return testbed.clusters();
  }

  /** Submits a build whose second RUN line does what the script says. */
  String submit(String image, String script) throws Exception {
    return submit(image, script, null);
  }

  /** As the other, on one cluster only. */
  String submit(String image, String script, @Nullable Cluster cluster) throws Exception {
    ObjectNode build = build(image, script);
    if (cluster != null) {
      build.put("cluster", cluster.name());
    }
    return farm.submit(build);
  }

  /** What {@link #submit} sends, to be changed. */
  ObjectNode build(String image, String script) {
    return Farm.build(image, context, script);
  }

  /** The attempts of a build, those of its tests not counted. */
  List<JsonNode> attempts(String build) throws Exception {
    List<JsonNode> attempts = new ArrayList<>();
    for (JsonNode platform : farm.build(build).path("platform_builds")) {
      platform
          .path("attempts")
          .forEach(
              attempt -> {
                if (attempt.path("kind").asText().equals("BUILD")) {
                  attempts.add(attempt);
                }
              });
    }
    return attempts;
  }

  /** Where the attempt of a build that counted ran. */
  String clusterOf(String build) throws Exception {
    return attempts(build).getLast().path("cluster").asText();
  }

  /** The farm's pods in a cluster. */
  static List<JsonNode> pods(Cluster cluster) {
    return cluster.list(PODS + "?labelSelector=grange.dev/farm");
  }

  /** The pod in which a build runs. */
  JsonNode awaitRunningPod(Cluster cluster, String build) {
    JsonNode[] found = new JsonNode[1];
    await()
        .alias(build + " runs on " + cluster)
        .atMost(Farm.PATIENCE)
        .until(
            () -> {
              found[0] =
                  cluster.list(PODS + "?labelSelector=grange.dev/build=" + build).stream()
                      .filter(pod -> pod.at("/status/phase").asText().equals("Running"))
                      .findFirst()
                      .orElse(null);
              return found[0] != null;
            });
    return found[0];
  }

  /** Nothing that the farm made is left in the clusters. */
  void assertNothingIsLeft() {
    await()
        .atMost(Duration.ofMinutes(2))
        .pollInterval(Duration.ofSeconds(1))
        .untilAsserted(
            () -> {
              for (Cluster cluster : clusters()) {
                for (String kind : List.of("pods", "secrets", "configmaps")) {
                  assertThat(
                          cluster.list(
                              "/api/v1/namespaces/%s/%s?labelSelector=grange.dev/farm"
                                  .formatted(NAMESPACE, kind)))
                      .as(kind + " in " + cluster)
                      .isEmpty();
                }
              }
            });
  }

  @Override
  public void close() {
    farm.close();
  }
}
