package dev.grange.testbed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;

/** Builds in pods of two clusters to which nothing happens. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class BuildsE2eIT {
  private static final int SLOTS = 4;

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
    Map<String, Integer> spread = new TreeMap<>();
    List<Held> held = new ArrayList<>();
    String digest = "";
    for (String build : builds) {
      digest = on.farm().awaitPromoted(build);
      spread.merge(on.clusterOf(build), 1, Integer::sum);
      held.addAll(slotsOf(build));
    }
    System.out.printf("20 builds: %s%n", spread);
    assertSpread(held);

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

  /** A slot that an attempt has held. */
  private record Held(String cluster, Instant from, Instant until) {}

  /** Of all its attempts, those of its tests too. */
  private static List<Held> slotsOf(String build) throws Exception {
    JsonNode shown = on.farm().build(build);
    List<Held> held = new ArrayList<>();
    for (JsonNode parts : List.of(shown.path("platform_builds"), shown.at("/release/tests"))) {
      for (JsonNode part : parts) {
        for (JsonNode attempt : part.path("attempts")) {
          held.add(
              new Held(
                  attempt.path("cluster").asText(),
                  Instant.parse(attempt.path("assigned_at").asText()),
                  Instant.parse(attempt.path("finished_at").asText())));
        }
      }
    }
    return held;
  }

  /**
   * Times that stand in rows are those at which their transactions began. So long beside a round a
   * slot's end may or may not have been seen by it.
   */
  private static final Duration BESIDE = Duration.ofMillis(300);

  /**
   * Whenever something was placed while both clusters had a free slot, the slots that they used
   * afterwards differed by one at most. Rounds are judged, not attempts: what one round has placed
   * was assigned in the same moment.
   */
  private static void assertSpread(List<Held> held) {
    String one = on.clusters().getFirst().name();
    String other = on.clusters().getLast().name();
    Map<Integer, Integer> differences = new TreeMap<>();
    int unclear = 0;
    for (Instant round : new TreeSet<>(held.stream().map(Held::from).toList())) {
      Used first = used(held, one, round);
      Used second = used(held, other, round);
      assertThat(first.least() + first.placed()).as("slots of " + one).isLessThanOrEqualTo(SLOTS);
      assertThat(second.least() + second.placed())
          .as("slots of " + other)
          .isLessThanOrEqualTo(SLOTS);
      boolean fair = false;
      int least = Integer.MAX_VALUE;
      for (int a = first.least(); a <= first.most(); a++) {
        for (int b = second.least(); b <= second.most(); b++) {
          int apart = Math.abs(a + first.placed() - b - second.placed());
          least = Math.min(least, apart);
          fair |= a >= SLOTS || b >= SLOTS || apart <= 1;
        }
      }
      assertThat(fair).as("at %s: %s %s, %s %s", round, one, first, other, second).isTrue();
      if (first.most() > first.least() || second.most() > second.least()) {
        unclear++;
      } else if (first.most() < SLOTS && second.most() < SLOTS) {
        differences.merge(least, 1, Integer::sum);
      }
    }
    System.out.printf(
        "%d slots given; rounds with a choice, by the difference after them: %s; %d rounds beside"
            + " which a slot was given back%n",
        held.size(), differences, unclear);
    assertThat(differences).as("rounds with a choice").isNotEmpty();
  }

  /** What a cluster had before a round, and what it got by it. */
  private record Used(int least, int most, int placed) {}

  private static Used used(List<Held> held, String cluster, Instant round) {
    int least = 0;
    int most = 0;
    int placed = 0;
    for (Held one : held) {
      if (!one.cluster().equals(cluster)) {
        continue;
      }
      if (one.from().equals(round)) {
        placed++;
      } else if (one.from().isBefore(round)) {
        least += one.until().isAfter(round.plus(BESIDE)) ? 1 : 0;
        most += one.until().isAfter(round.minus(BESIDE)) ? 1 : 0;
      }
    }
    return new Used(least, most, placed);
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
        .isLessThanOrEqualTo(10 * builds.size());
    // two pods for each build, each with a Secret; ended ones are deleted together
    assertThat(writes).as("writes").isLessThanOrEqualTo(builds.size() * 9 / 2);
  }

  private static List<Cluster.Call> calls(Cluster cluster) {
    return cluster.calls(call -> call.user().equals(FarmOnClusters.ACCOUNT));
  }
}
