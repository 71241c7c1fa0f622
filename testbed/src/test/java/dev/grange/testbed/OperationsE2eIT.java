package dev.grange.testbed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedReader;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.condition.DisabledIfEnvironmentVariable;

/** What operators do to clusters while builds run on them. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@DisabledIfEnvironmentVariable(
    named = "GRANGE_E2E_KUBECONFIGS",
    matches = ".+",
    disabledReason = "NOT TESTED: tokens and logs of clusters that are given are left alone")
class OperationsE2eIT {
  private static final String WHO = "by local";

  private static Testbed testbed;
  private static FarmOnClusters on;
  private static Cluster one;
  private static Cluster two;
  private static Gate gate;

  /** Ended pods that a scheduler had not deleted when it was killed. */
  private static final List<String> GATHERED = new ArrayList<>();

  @BeforeAll
  static void up() throws Exception {
    // a log of 64 KiB is rotated, and one more is kept
    testbed = Testbed.upWithSmallLogs("64Ki", "ops-one", "ops-two");
    one = testbed.cluster("ops-one");
    two = testbed.cluster("ops-two");
    gate = new Gate(testbed.address());
    on =
        FarmOnClusters.on(
            testbed,
            "operations",
            Map.of("GRANGE_ATTEMPTS_FIRST_DELAY", "1s"),
            "--slots",
            "4",
            "--keep-failed",
            "1h");
  }

  @AfterAll
  static void down() {
    try (Testbed _ = testbed;
        Gate _ = gate;
        FarmOnClusters _ = on) {
      // each is closed, whatever happens to the others
    }
  }

  /** Whatever the last test has left. */
  @BeforeEach
  void bothTakeWork() {
    for (Cluster cluster : on.clusters()) {
      on.farm().must("clusters", "uncordon", cluster.name());
    }
  }

  private static JsonNode cluster(Cluster cluster) throws Exception {
    return on.farm().json("/clusters/" + cluster.name());
  }

  private static void awaitCluster(Cluster cluster, String what, Predicate<JsonNode> condition) {
    await()
        .alias(cluster + " " + what)
        .atMost(Duration.ofMinutes(1))
        .until(() -> condition.test(cluster(cluster)));
  }

  /** A line of {@code clusters list}. */
  private static String listed(Cluster cluster) {
    return on.farm()
        .must("clusters", "list")
        .lines()
        .filter(line -> line.startsWith(cluster.name() + " "))
        .findFirst()
        .orElseThrow();
  }

  /** A build that runs on the first cluster until its gate is opened, and might on any. */
  private static String heldOnOne(String name) throws Exception {
    on.farm().must("clusters", "cordon", two.name());
    String build = on.submit(name, gate.script(name));
    gate.awaitKnock(name);
    on.farm().must("clusters", "uncordon", two.name());
    return build;
  }

  private static List<String> statesAndClusters(String build) throws Exception {
    return on.attempts(build).stream()
        .map(a -> a.path("state").asText() + " on " + a.path("cluster").asText())
        .toList();
  }

  @Test
  @Order(1)
  void aCordonedClusterKeepsWhatRunsAndGetsNothingMoreUntilItIsUncordoned() throws Exception {
    String runs = heldOnOne("cordoned");
    on.farm().must("clusters", "cordon", one.name(), "--note", "new disks");
    assertThat(listed(one)).contains("CORDONED", WHO, "new disks", "1/4");
    List<String> others = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      others.add(on.submit("beside-" + i, "true"));
    }
    String waits = on.submit("waits", "true", one);
    for (String other : others) {
      on.farm().awaitPromoted(other);
      assertThat(on.clusterOf(other)).isEqualTo(two.name());
    }
    assertThat(on.farm().must("builds", "explain", waits))
        .startsWith("QUEUED: NoClusterAvailable")
        .contains("new disks");
    gate.open("cordoned");
    on.farm().awaitPromoted(runs);
    assertThat(statesAndClusters(runs)).containsExactly("SUCCEEDED on " + one);

    on.farm().must("clusters", "uncordon", one.name(), "--note", "they are in");
    on.farm().awaitPromoted(waits);
    assertThat(on.farm().must("clusters", "show", one.name(), "--history"))
        .contains("cordon by local")
        .contains("uncordon by local");
  }

  @Test
  @Order(2)
  void aDrainLetsBuildsEndAndARemovalBeforeThatIsRefused() throws Exception {
    String runs = heldOnOne("drained");
    on.farm().must("clusters", "drain", one.name(), "--note", "upgrade");
    assertThat(listed(one)).contains("DRAINING", WHO, "upgrade");
    Command.Result refused = on.farm().run("clusters", "remove", one.name());
    assertThat(refused.status()).as(refused.toString()).isEqualTo(3);
    assertThat(refused.err()).contains("is not empty", "drain it first");
    gate.open("drained");
    on.farm().must("clusters", "drain", one.name(), "--note", "upgrade", "--wait");
    assertThat(listed(one)).contains("DRAINED");
    on.farm().awaitPromoted(runs);
    assertThat(statesAndClusters(runs)).containsExactly("SUCCEEDED on " + one);
  }

  @Test
  @Order(2)
  void aDrainThatIsInAHurryMovesBuildsAndTheClusterResumesByItself() throws Exception {
    String runs = heldOnOne("moved");
    on.farm()
        .must("clusters", "drain", one.name(), "--now", "--resume-after", "15s", "-m", "it burns");
    assertThat(listed(one)).contains(WHO, "until ", "it burns");
    awaitCluster(one, "is drained", c -> !c.path("drained_at").isNull());
    gate.awaitKnock("moved");
    gate.open("moved");
    on.farm().awaitPromoted(runs);
    assertThat(statesAndClusters(runs))
        .containsExactly("INTERRUPTED on " + one, "SUCCEEDED on " + two);
    assertThat(on.farm().must("builds", "show", runs)).contains("interrupted, Drained");
    awaitCluster(one, "takes work again", c -> c.path("desired").asText().equals("ACTIVE"));
  }

  @Test
  @Order(3)
  void aRotatedTokenIsUsedWithoutARestartAndNothingIsLost() throws Exception {
    String runs = heldOnOne("rotated");
    // that it reaches the one is seen by what only that may do
    on.farm().must("clusters", "cordon", two.name());
    String scheduler = schedulerRuns();
    String account = "serviceaccount/grange";
    // worthless from here on, as after a theft
    one.must("--namespace", FarmOnClusters.NAMESPACE, "delete", account);
    awaitCluster(one, "refuses the old token", c -> c.path("last_error").asText().contains("401"));
    one.must("--namespace", FarmOnClusters.NAMESPACE, "create", "serviceaccount", "grange");
    on.renewCredential(one);
    awaitCluster(one, "is reachable again", c -> c.path("last_error").isNull());
    gate.open("rotated");
    on.farm().awaitPromoted(runs);
    on.farm().awaitPromoted(on.submit("after-rotation", "true"));
    assertThat(statesAndClusters(runs)).containsExactly("SUCCEEDED on " + one);
    assertThat(on.farm().log(runs)).contains("::grange::section::push::end").doesNotContain("gap");
    assertThat(schedulerRuns()).isEqualTo(scheduler);
  }

  private static String schedulerRuns() throws Exception {
    return Files.readString(on.farm().home().resolve("log/up.log"))
        .lines()
        .filter(line -> line.startsWith("scheduler "))
        .collect(Collectors.joining("\n"));
  }

  @Test
  @Order(4)
  void aLogThatTheKubeletRotatesIsCompleteAndWhatIsLostWhileNobodyReadsIsMarked() throws Exception {
    // some 25 KB a second: a file is full after three seconds
    String print =
        "i=0; while [ $i -lt %d ]; do i=$((i+1)); echo line $i $(printf %%0230d 0); [ $((i %% 50))"
            + " -ne 0 ] || sleep 0.5; done";
    String read = on.submit("read", print.formatted(800));
    String unread = on.submit("unread", print.formatted(5000) + "; exit 7");
    JsonNode _ = on.farm().awaitFinal(read);
    assertThat(lines(on.farm().log(read)))
        .as("a log of 190 KB, of which a node keeps 128 at most")
        .isEqualTo(IntStream.rangeClosed(1, 800).boxed().toList());

    List<String> ended = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      ended.add(on.submit("ended-" + i, "true", two));
    }
    for (String build : ended) {
      on.farm().awaitPromoted(build);
    }
    await().atMost(Farm.PATIENCE).until(() -> on.farm().log(unread).contains("line 400 "));
    on.farm().killAndAwaitRestart("scheduler");
    GATHERED.addAll(succeeded(two));
    JsonNode _ = on.farm().awaitFinal(unread);
    String log = on.farm().log(unread);
    List<Integer> lines = lines(log);
    int gaps = 0;
    for (int i = 1; i < lines.size(); i++) {
      assertThat(lines.get(i)).as("nothing twice").isGreaterThan(lines.get(i - 1));
      gaps += lines.get(i) == lines.get(i - 1) + 1 ? 0 : 1;
    }
    System.out.printf("%d of 5000 lines, %d gaps%n", lines.size(), gaps);
    assertThat(lines).startsWith(1).endsWith(5000);
    assertThat(gaps).isEqualTo(1);
    assertThat(log.lines().filter(line -> line.startsWith("::grange::log::gap"))).hasSize(1);
  }

  /** The numbers that a log has, in their order. */
  private static List<Integer> lines(String log) {
    return log.lines()
        .filter(line -> line.matches("line [0-9]+ 0+"))
        .map(line -> Integer.valueOf(line.split(" ", -1)[1]))
        .toList();
  }

  @Test
  @Order(5)
  void aCheckPrintsWhatItFindsAsItFindsIt() throws Exception {
    ProcessBuilder check =
        new ProcessBuilder(
                Testbed.root().resolve("grange").toString(), "clusters", "check", two.name())
            .redirectError(ProcessBuilder.Redirect.DISCARD);
    check.environment().put("GRANGE_HOME", on.farm().home().toString());
    Process process = check.start();
    List<String> found = new ArrayList<>();
    List<Long> at = new ArrayList<>();
    try (BufferedReader out = process.inputReader()) {
      for (String line = out.readLine(); line != null; line = out.readLine()) {
        found.add(line);
        at.add(System.nanoTime());
      }
    }
    assertThat(process.waitFor()).isZero();
    System.out.printf(
        "a check: %s%n",
        IntStream.range(0, found.size())
            .mapToObj(i -> (at.get(i) - at.getFirst()) / 1_000_000 + " ms " + found.get(i))
            .toList());
    assertThat(found).first().asString().contains("credential");
    assertThat(found).last().asString().contains("isolation");
    assertThat(Duration.ofNanos(at.getLast() - at.getFirst()))
        .as("between the first finding and the last, which needs several pods")
        .isGreaterThan(Duration.ofSeconds(1));
  }

  @Test
  @Order(5)
  void whatAKilledSchedulerHadStillToDeleteIsSwept() {
    assertThat(GATHERED).as("there when it was killed, by the test before this").isNotEmpty();
    await()
        .atMost(Duration.ofMinutes(2))
        .untilAsserted(() -> assertThat(succeeded(two)).doesNotContainAnyElementsOf(GATHERED));
  }

  /** Those that failed are kept. */
  private static List<String> succeeded(Cluster cluster) {
    return FarmOnClusters.pods(cluster).stream()
        .filter(pod -> pod.at("/status/phase").asText().equals("Succeeded"))
        .map(pod -> pod.at("/metadata/name").asText())
        .toList();
  }

  @Test
  @Order(6)
  void aRemovedClusterIsLeftClean() throws Exception {
    String fails = on.submit("fails", "exit 7", one);
    JsonNode _ = on.farm().awaitFinal(fails);
    assertThat(FarmOnClusters.pods(one)).as("kept for people").isNotEmpty();
    on.farm().must("clusters", "drain", one.name(), "--wait");
    on.farm().must("clusters", "remove", one.name(), "--note", "moved");
    await()
        .atMost(Duration.ofMinutes(1))
        .untilAsserted(() -> assertThat(FarmOnClusters.pods(one)).isEmpty());
    assertThat(on.farm().run("clusters", "show", one.name()).status()).isEqualTo(5);
    assertThat(on.farm().must("builds", "show", fails)).contains("on " + one);
  }
}
