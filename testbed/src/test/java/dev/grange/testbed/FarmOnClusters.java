package dev.grange.testbed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
    Farm farm = Farm.up(name, testbed.address(), Map.of());
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
        add(farm, cluster, testbed.address(), slots);
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

  private static void add(Farm farm, Cluster cluster, String address, int slots)
      throws IOException {
    Path manifests = farm.home().resolve(cluster + ".yaml");
    Files.writeString(
        manifests,
        farm.must(
            "clusters",
            "manifests",
            "--allow",
            farm.registry("candidate"),
            "--allow",
            address + ":" + farm.port("tokens")));
    Command.Result applied = cluster.kubectl("apply", "-f", manifests.toString());
    assertThat(applied.status()).as(applied.toString()).isZero();
    Path kubeconfig = farm.home().resolve(cluster + ".kubeconfig");
    Command.Result made =
        Command.run(
            List.of(
                Testbed.root().resolve("deploy/cluster/make-kubeconfig").toString(),
                "--duration",
                "2h"),
            Map.of("KUBECONFIG", cluster.kubeconfig().toString()));
    assertThat(made.status()).as(made.toString()).isZero();
    Files.writeString(kubeconfig, made.out());
    String given = System.getenv("GRANGE_E2E_WORKER_IMAGE");
    farm.must(
        "clusters",
        "add",
        cluster.name(),
        "--kubeconfig",
        kubeconfig.toString(),
        "--worker-image",
        given == null ? "localhost/grange/worker:1" : given,
        "--slots",
        Integer.toString(slots),
        "--memory",
        "512Mi",
        "--storage",
        "2Gi");
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
    var build = Farm.build(image, context, script);
    if (cluster != null) {
      build.put("cluster", cluster.name());
    }
    return farm.submit(build);
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
