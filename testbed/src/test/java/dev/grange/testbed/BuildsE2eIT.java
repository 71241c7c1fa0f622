package dev.grange.testbed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;

/** Builds in pods of two clusters to which nothing happens. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class BuildsE2eIT {
  private static final int SLOTS = 3;

  private static Testbed testbed;
  private static FarmOnClusters on;

  @BeforeAll
  static void up() throws Exception {
    testbed = Testbed.givenOrUp("build-one", "build-two");
    on = FarmOnClusters.on(testbed, "builds", SLOTS);
  }

  @AfterAll
  static void down() {
    try (Testbed _ = testbed;
        FarmOnClusters _ = on) {
      // each is closed, whatever happens to the other
    }
  }

  @Test
  @Order(1)
  void theDemoOnAClusterIsPromoted() throws Exception {
    for (Cluster cluster : on.clusters()) {
      String said = on.farm().must("demo", "--cluster", cluster.name(), "--json");
      JsonNode demo = Farm.JSON.readTree(said.lines().toList().getLast());
      assertThat(demo.path("stable")).isNotEmpty();
      assertThat(on.clusterOf(demo.path("build").asText())).isEqualTo(cluster.name());
    }
  }

  @Test
  @Order(2)
  void twentyBuildsSpreadOverTwoClustersAndWhatTheyMadeRuns() throws Exception {
    List<String> builds = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      builds.add(on.submit("spread-" + i, "sleep 2"));
    }
    int[] widest = new int[1];
    await()
        .atMost(Farm.PATIENCE)
        .pollInterval(Duration.ofMillis(500))
        .until(
            () -> {
              List<Integer> used = new ArrayList<>();
              for (Cluster cluster : on.clusters()) {
                int now = on.farm().json("/clusters/" + cluster.name()).path("slots_used").asInt();
                assertThat(now).as("slots of " + cluster).isLessThanOrEqualTo(SLOTS);
                used.add(now);
              }
              widest[0] = Math.max(widest[0], Math.abs(used.getFirst() - used.getLast()));
              for (String build : builds) {
                if (!on.farm().build(build).path("final").asBoolean()) {
                  return false;
                }
              }
              return true;
            });
    Map<String, Integer> spread = new TreeMap<>();
    String digest = "";
    for (String build : builds) {
      digest = on.farm().awaitPromoted(build);
      spread.merge(on.clusterOf(build), 1, Integer::sum);
    }
    System.out.printf("20 builds: %s; slots in use differed by %d at most%n", spread, widest[0]);
    assertThat(spread).hasSize(2);
    assertThat(spread.values()).allSatisfy(n -> assertThat(n).isBetween(10 - SLOTS, 10 + SLOTS));

    Cluster cluster = on.clusters().getFirst();
    ObjectNode pod = cluster.shellPod("runs", "cat /name");
    ((ObjectNode) pod.at("/spec/containers/0"))
        .put("image", on.farm().registry("stable") + "/default/spread-19@" + digest)
        .put("imagePullPolicy", "Always");
    cluster.create("/api/v1/namespaces/default/pods", pod);
    await()
        .atMost(Farm.PATIENCE)
        .untilAsserted(() -> assertThat(cluster.log("default", "runs")).isEqualTo("spread-19\n"));
  }

  @Test
  @Order(3)
  void aLargeContextAndALongContainerfileBuild() throws Exception {
    Path folder = on.farm().busybox();
    Path big = folder.resolve("big");
    Random random = new Random(1);
    byte[] block = new byte[1 << 20];
    try (OutputStream out = Files.newOutputStream(big)) {
      for (int i = 0; i < 200; i++) {
        random.nextBytes(block);
        out.write(block);
      }
    }
    String sum = Command.must(List.of("sha256sum", big.toString())).split(" ", -1)[0];
    String context = on.farm().upload(folder);
    Files.delete(big);
    StringBuilder containerfile =
        new StringBuilder(
            """
            FROM scratch
            COPY . /
            RUN ["/busybox", "sh", "-c", "echo '%s  /big' | /busybox sha256sum -c && /busybox rm /big"]
            """
                .formatted(sum));
    while (containerfile.length() < 300_000) {
      containerfile.append("# a line of a long Containerfile, which nobody can shorten\n");
    }
    containerfile.append("LABEL the.end=\"of it\"\n");
    String build =
        on.farm()
            .submit(
                Farm.JSON
                    .createObjectNode()
                    .put("image", "large")
                    .put("context", context)
                    .put("containerfile", containerfile.toString()));
    on.farm().awaitPromoted(build);
  }

  @Test
  @Order(4)
  void fiftyBuildsLeaveNothingAndCostFewCalls() throws Exception {
    on.assertNothingIsLeft();
    Map<Cluster, Integer> before = new HashMap<>();
    for (Cluster cluster : on.clusters()) {
      before.put(cluster, testbed.takesFaults() ? calls(cluster).size() : 0);
    }
    List<String> builds = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      builds.add(on.submit("many-" + i, "true"));
    }
    int attempts = 0;
    for (String build : builds) {
      on.farm().awaitPromoted(build);
      attempts += on.attempts(build).size();
    }
    assertThat(attempts).isEqualTo(50);
    on.assertNothingIsLeft();
    if (!testbed.takesFaults()) {
      return; // there is no audit log to read
    }
    int all = 0;
    int writes = 0;
    int pods = 0; // of builds and of their tests
    for (Cluster cluster : on.clusters()) {
      List<Cluster.Call> calls = calls(cluster);
      calls = calls.subList(before.getOrDefault(cluster, 0), calls.size());
      all += calls.size();
      writes += (int) calls.stream().filter(Cluster.Call::writes).count();
      pods +=
          (int)
              calls.stream()
                  .filter(c -> c.verb().equals("create") && c.resource().equals("pods"))
                  .count();
      Map<String, Integer> kinds = new TreeMap<>();
      calls.forEach(call -> kinds.merge(call.verb() + " " + call.resource(), 1, Integer::sum));
      System.out.printf("%s: %s%n", cluster, kinds);
    }
    System.out.printf("50 builds: %d pods, %d calls, %d of them writes%n", pods, all, writes);
    assertThat(pods).isBetween(50, 100);
    assertThat(all)
        .as("calls, all that the farm's account did meanwhile")
        .isLessThanOrEqualTo(10 * pods);
    assertThat(writes).as("writes").isLessThanOrEqualTo(4 * pods);
  }

  private static List<Cluster.Call> calls(Cluster cluster) {
    return cluster.calls(call -> call.user().equals(FarmOnClusters.ACCOUNT));
  }
}
