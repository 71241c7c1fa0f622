package dev.grange.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What people see of a farm that nothing happens to, from start to stop. */
class FarmStoryIT {
  private static RunningFarm farm;
  private static Duration startToReady;
  private static String busybox;

  private static final Pattern STATEMENT =
      Pattern.compile(
          "\\[([0-9]+)\\] grange_(?:scheduler|build_service) LOG:  (?:statement|execute [^:]+):"
              + " +(\\w*)");

  @BeforeAll
  static void start() throws Exception {
    farm = RunningFarm.in("story", Map.of("GRANGE_LOCAL_SLOTS", "2"));
    startToReady = farm.start();
    busybox = farm.uploadBusybox();
  }

  @AfterAll
  static void stop() throws Exception {
    try {
      farm.down();
      farm.assertNothingIsLeft();
    } finally {
      farm.end();
    }
  }

  @Test
  void theDemoEndsWithAStableImageAndItsStoryAndASecondOneChangesNothing() throws Exception {
    JsonNode first = demo();
    String digest = first.get("digest").asText();
    assertThat(first.get("candidate").asText()).endsWith("@" + digest);
    assertThat(first.get("stable")).hasSize(1);
    String stable = first.get("stable").get(0).asText();
    assertThat(stable).endsWith("@" + digest);
    String manifest =
        Tools.run("skopeo", "inspect", "--raw", "--tls-verify=false", "docker://" + stable);
    assertThat(Tools.sha256(manifest.getBytes(StandardCharsets.UTF_8))).isEqualTo(digest);
    farm.assertInStable("hello", digest);
    assertThat(types(first))
        .anyMatch(type -> type.startsWith("dev.cdevents.build.finished."))
        .anyMatch(type -> type.startsWith("dev.cdevents.artifact.published."));
    farm.told().assertPromotedOnce(first.get("build").asText());

    JsonNode second = demo();
    assertThat(second.get("build")).isNotEqualTo(first.get("build"));
    assertThat(second.get("digest").asText()).isEqualTo(digest);
    assertThat(second.get("stable").get(0).asText()).isEqualTo(stable);
    assertThat(types(second)).noneMatch(type -> type.contains("artifact.published"));
    JsonNode release = farm.build(second.get("build").asText()).get("release");
    assertThat(release.at("/targets/0/outcome").asText()).isEqualTo("unchanged");
  }

  private static JsonNode demo() throws Exception {
    Tools.Result demo = farm.client("demo", "--json");
    assertThat(demo.status()).as(demo.toString()).isZero();
    List<String> lines = demo.out().lines().toList();
    return RunningFarm.JSON.readTree(lines.getLast());
  }

  private static List<String> types(JsonNode demo) {
    List<String> types = new ArrayList<>();
    demo.get("events").forEach(type -> types.add(type.asText()));
    return types;
  }

  @Test
  void aContainerfileThatDoesNotBuildIsShownWithItsLineAndItsOutputAndIsNotTriedAgain()
      throws Exception {
    Path example = farm.staged("broken");
    Tools.Result build =
        farm.client("build", "--until", "promoted", "-t", "broken", example.toString());
    assertThat(build.status()).as(build.toString()).isEqualTo(1);
    assertThat(build.err())
        .contains("RUN echo \"compiling the program\"")
        .contains("main.c:12: error: 'answer' was never declared");
    JsonNode row = newest("broken");
    assertThat(row.at("/failure/fault").asText()).isEqualTo("USER");
    assertThat(row.at("/failure/reason").asText()).isEqualTo("BuildFailed");
    assertThat(row.at("/failure/message").asText())
        .contains("main.c:12: error: 'answer' was never declared");
    assertThat(row.at("/platform_builds/0/attempts")).hasSize(1);
  }

  @Test
  void anImageThatFailsItsTestIsNamedWithTheTestAndTheWayToItsLogAndIsNotInStable()
      throws Exception {
    Path example = farm.staged("fails-its-test");
    Tools.Result build =
        farm.client("build", "--until", "promoted", "-t", "fails-its-test", example.toString());
    assertThat(build.status()).as(build.toString()).isEqualTo(10);
    JsonNode row = newest("fails-its-test");
    String id = row.get("id").asText();
    assertThat(build.err()).contains("smoke").contains("builds log").contains("--test");
    assertThat(row.at("/release/state").asText()).isEqualTo("BLOCKED");
    assertThat(farm.client("builds", "log", "--test", id).out())
        .contains("the answer should be 42, and is: answer=41");
    for (String reference : List.of("latest", row.at("/candidate/digest").asText())) {
      assertThat(farm.stableManifest("default/fails-its-test", reference)).isNull();
    }
  }

  private static JsonNode newest(String image) throws Exception {
    HttpResponse<String> answer = farm.get("/builds?limit=1&image=" + image);
    String id = RunningFarm.JSON.readTree(answer.body()).at("/items/0/id").asText();
    return farm.build(id);
  }

  @Test
  void submissionsThatAreRepeatedAtTheSameTimeGiveOneBuildForEachKey() throws Exception {
    int keys = 100;
    List<Future<HttpResponse<String>>> answers = new ArrayList<>();
    try (ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < 2 * keys; i++) {
        String key = "key-" + i % keys;
        answers.add(callers.submit(() -> farm.submit(waiting(key), "Idempotency-Key", key)));
      }
    }
    Set<String> ids = new TreeSet<>();
    for (Future<HttpResponse<String>> answer : answers) {
      assertThat(answer.get().statusCode()).as(answer.get().body()).isEqualTo(202);
      ids.add(RunningFarm.JSON.readTree(answer.get().body()).get("id").asText());
    }
    assertThat(ids).hasSize(keys);
    assertThat(farm.count("SELECT count(*) FROM build WHERE image LIKE 'key-%'")).isEqualTo(keys);

    HttpResponse<String> misuse =
        farm.submit(waiting("key-0").put("image", "other"), "Idempotency-Key", "key-0");
    assertThat(misuse.statusCode()).isEqualTo(422);
    JsonNode problem = RunningFarm.JSON.readTree(misuse.body());
    assertThat(problem.get("code").asText()).isEqualTo("idempotency-key-reused");
    // not to wait for them at the end
    for (String id : ids) {
      farm.post("/builds/" + id + "/cancel", BodyPublishers.noBody());
    }
  }

  @Test
  void aThousandBuildsThatNobodyCanBuildKeepNobodyElseWaiting() throws Exception {
    List<Future<HttpResponse<String>>> answers = new ArrayList<>();
    try (ExecutorService callers = Executors.newFixedThreadPool(16)) {
      for (int i = 0; i < 1010; i++) {
        answers.add(callers.submit(() -> farm.submit(waiting("never").put("priority", 1))));
      }
    }
    for (Future<HttpResponse<String>> answer : answers) {
      assertThat(answer.get().statusCode()).isEqualTo(202);
    }
    String digest = farm.awaitPromoted(farm.accepted(RunningFarm.slow("soon", busybox, 0, 0)));
    farm.assertInStable("soon", digest);
  }

  /** For a platform that no cluster has: it waits. */
  private static ObjectNode waiting(String image) {
    ObjectNode build =
        RunningFarm.JSON
            .createObjectNode()
            .put("image", image)
            .put("containerfile", "FROM scratch");
    build.putArray("platforms").add("linux/s390x");
    return build;
  }

  @Test
  void aBuildThatWaitsIsCancelled() throws Exception {
    String id = farm.accepted(waiting("cancelled-waiting"));
    cancel(id);
    assertThat(farm.awaitFinal(id).get("state").asText()).isEqualTo("CANCELLED");
    assertFinishedOnce(id);
  }

  @Test
  void aBuildThatRunsIsCancelledAndItsWorkerIsDead() throws Exception {
    String id = farm.accepted(RunningFarm.slow("cancelled-building", busybox, 300, 0));
    Awaitility.await()
        .atMost(RunningFarm.PATIENCE)
        .untilAsserted(() -> assertThat(allSleepers("300")).isNotEmpty());
    cancel(id);
    assertThat(farm.awaitFinal(id).get("state").asText()).isEqualTo("CANCELLED");
    Awaitility.await()
        .atMost(Duration.ofSeconds(20))
        .untilAsserted(
            () -> {
              assertThat(allSleepers("300")).isEmpty();
              assertThat(farm.workerPids()).isEmpty();
            });
    assertFinishedOnce(id);
  }

  @Test
  void aReleaseThatIsTestedIsWithdrawnAndItsWorkerIsDead() throws Exception {
    String id = farm.accepted(RunningFarm.slow("cancelled-testing", busybox, 0, 301));
    farm.awaitStep(id, "test", "test");
    Awaitility.await()
        .atMost(RunningFarm.PATIENCE)
        .untilAsserted(() -> assertThat(allSleepers("301")).isNotEmpty());
    cancel(id);
    JsonNode last = farm.awaitFinal(id);
    assertThat(last.get("state").asText()).isEqualTo("SUCCEEDED");
    assertThat(last.at("/release/state").asText()).isEqualTo("WITHDRAWN");
    Awaitility.await()
        .atMost(Duration.ofSeconds(20))
        .untilAsserted(
            () -> {
              assertThat(allSleepers("301")).isEmpty();
              assertThat(farm.workerPids()).isEmpty();
            });
    assertThat(farm.stableManifest("default/cancelled-testing", "latest")).isNull();
  }

  private static void cancel(String id) throws Exception {
    HttpResponse<String> answer = farm.post("/builds/" + id + "/cancel", BodyPublishers.noBody());
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(202);
  }

  private static void assertFinishedOnce(String id) {
    Awaitility.await()
        .atMost(RunningFarm.PATIENCE)
        .untilAsserted(() -> assertThat(farm.told().count(id, "build.finished")).isEqualTo(1));
  }

  /** Processes on this machine that sleep so many seconds, which no other program does. */
  private static List<String> allSleepers(String seconds) throws Exception {
    List<String> found = new ArrayList<>();
    try (var processes = Files.list(Path.of("/proc"))) {
      for (Path process : processes.toList()) {
        try {
          String line = Files.readString(process.resolve("cmdline"));
          if (line.endsWith("sleep\0" + seconds + "\0")) {
            found.add(process.getFileName() + " " + line.replace('\0', ' '));
          }
        } catch (java.io.IOException e) {
          // no process, or it has ended
        }
      }
    }
    return found;
  }

  @Test
  void noProcessOfAFarmHasAFileOpenOutsideItsHomeThatItCouldWrite() throws Exception {
    for (String part : List.of("build-service", "scheduler", "candidate", "stable", "postgres")) {
      Path files = Path.of("/proc", Long.toString(farm.pidOf(part)), "fd");
      try (var open = Files.list(files)) {
        for (Path file : open.toList()) {
          Path target = Files.readSymbolicLink(file);
          // the sources may lie in a temporary folder themselves, and the home with them
          if (!target.startsWith(RunningFarm.ROOT)) {
            assertThat(target.toString())
                .as(part)
                .doesNotStartWith("/tmp/")
                .doesNotStartWith("/var/tmp/");
          }
        }
      }
    }
    try (var temporary = Files.list(farm.home().temporary())) {
      assertThat(temporary).as("where the applications put such files").isNotEmpty();
    }
  }

  @Test
  void aFarmAtRestIsSmallAndQuiet() throws Exception {
    Awaitility.await()
        .atMost(RunningFarm.PATIENCE)
        .until(
            () ->
                farm.count("SELECT count(*) FROM attempt WHERE released_at IS NULL") == 0
                    && farm.count("SELECT count(*) FROM outbox WHERE sent_at IS NULL") == 0);
    // As long as the scheduler's longest periods, or it would see all of them or none.
    double perSecond = transactionsPerSecond(Duration.ofSeconds(30));
    long bytes = 0;
    List<String> parts = new ArrayList<>();
    for (long pid : farm.processes()) {
      long kilobytes = pss(pid);
      bytes += kilobytes * 1024;
      if (kilobytes > 10_000) {
        parts.add(name(pid) + " " + kilobytes / 1024 + " MB");
      }
    }
    System.out.printf(
        "a farm at rest: ready after %.1f s, %d MB (%s), %.2f transactions per second%n",
        startToReady.toMillis() / 1000.0, bytes >> 20, String.join(", ", parts), perSecond);
    assertThat(perSecond).as("transactions per second while nothing is to be done").isLessThan(1.5);
  }

  /**
   * Counts what the applications ask, as PostgreSQL writes it down. Its statistics would count its
   * own housekeeping too, and what idle connections did long before.
   */
  private static double transactionsPerSecond(Duration time) throws Exception {
    logStatements("all");
    Path log = farm.home().log("postgres");
    long skip = Files.size(log);
    Awaitility.await().pollDelay(time).atMost(time.plusSeconds(5)).until(() -> true);
    String said = Files.readString(log).substring((int) skip);
    logStatements("none");
    Set<String> open = new TreeSet<>();
    long transactions = 0;
    for (String line : said.lines().toList()) {
      Matcher statement = STATEMENT.matcher(line);
      if (statement.find()) {
        String process = statement.group(1);
        String word = statement.group(2);
        if (word.equals("BEGIN")) {
          open.add(process);
        } else if (word.equals("COMMIT") || word.equals("ROLLBACK")) {
          open.remove(process);
          transactions++;
        } else if (!open.contains(process)) {
          transactions++;
        }
      }
    }
    return transactions / (double) time.toSeconds();
  }

  private static void logStatements(String which) throws Exception {
    try (Connection connection = farm.database();
        var statement = connection.createStatement()) {
      statement.execute("ALTER SYSTEM SET log_statement = '" + which + "'");
      statement.execute("SELECT pg_reload_conf()");
    }
  }

  private static long pss(long pid) throws Exception {
    try (var lines = Files.lines(Path.of("/proc", Long.toString(pid), "smaps_rollup"))) {
      return lines
          .filter(line -> line.startsWith("Pss:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
          .sum();
    } catch (java.io.IOException | java.io.UncheckedIOException e) {
      return 0; // it has ended
    }
  }

  private static String name(long pid) throws Exception {
    String line = Files.readString(Path.of("/proc", Long.toString(pid), "cmdline"));
    for (String part : List.of("build-service", "scheduler", "Main\0up", "postgres", "registry")) {
      if (line.contains(part)) {
        return part.replace("Main\0up", "supervisor");
      }
    }
    return line.split("\0", -1)[0];
  }
}
