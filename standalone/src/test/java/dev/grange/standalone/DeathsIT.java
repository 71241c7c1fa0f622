package dev.grange.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Whatever dies in the middle of a build, the build ends well and its effect happens once. */
class DeathsIT {
  private static final int SECONDS = 4;

  private static RunningFarm farm;
  private static String busybox;
  private static int number;

  @BeforeAll
  static void start() throws Exception {
    farm =
        RunningFarm.in(
            "deaths",
            Map.of(
                "GRANGE_LEASE_DURATION",
                "3s",
                "GRANGE_ATTEMPTS_FIRST_DELAY",
                "1s",
                "GRANGE_DRAIN",
                "7",
                "GRANGE_LOCAL_SLOTS",
                "2"));
    farm.start();
    busybox = farm.uploadBusybox();
  }

  @AfterAll
  static void stop() throws Exception {
    farm.close();
    farm.assertNothingIsLeft();
  }

  /** One test's death must not make the next one's restart wait longer. */
  @BeforeEach
  void aFarmThatRuns() throws Exception {
    Awaitility.await()
        .atMost(RunningFarm.PATIENCE)
        .ignoreExceptions()
        .until(() -> farm.get("/builds?limit=1").statusCode() == 200);
  }

  @Test
  void everythingAtOnceWhileItIsBuiltAndAgainWhileItIsTested() throws Exception {
    String image = image("everything");
    String id = farm.accepted(RunningFarm.slow(image, busybox, SECONDS, SECONDS));
    farm.awaitStep(id, "build", "build");
    farm.killEverything();
    farm.start();
    farm.awaitStep(id, "test", "test");
    farm.killEverything();
    farm.start();
    JsonNode build = assertPromotedOnce(id, image);
    assertThat(build.at("/platform_builds/0/attempts")).hasSize(2);
    assertThat(build.at("/release/tests/0/attempts")).hasSize(2);
  }

  @Test
  void theScheduler() throws Exception {
    String image = image("scheduler");
    String id = begun(image);
    int starts = farm.workers().pods().size();
    farm.killAndAwaitRestart("scheduler");
    assertPromotedOnce(id, image);
    assertThat(farm.workers().pods().size() - starts)
        .as("the worker that ran was found again; only the test was started")
        .isEqualTo(1);
  }

  @Test
  void theSchedulerInTheMiddleOfAPromotion() throws Exception {
    String image = image("promoter");
    String id = begun(image);
    long stable = farm.pidOf("stable");
    Tools.signal("STOP", stable);
    try {
      farm.awaitBuild(
          id, "promoting", build -> build.at("/release/state").asText().equals("PROMOTING"));
      Awaitility.await()
          .atMost(RunningFarm.PATIENCE)
          .until(
              () ->
                  farm.count(
                          "SELECT count(*) FROM release WHERE build_id = '%s' AND holder IS NOT NULL"
                              .formatted(id))
                      == 1);
      farm.killAndAwaitRestart("scheduler");
    } finally {
      Tools.signal("CONT", stable);
    }
    assertPromotedOnce(id, image);
  }

  @Test
  void theBuildServiceAndBothRegistries() throws Exception {
    String image = image("services");
    String id = begun(image);
    for (String part : List.of("stable", "candidate", "build-service")) {
      farm.killAndAwaitRestart(part);
    }
    assertPromotedOnce(id, image);
  }

  @Test
  void theDatabaseAndMeanwhileTheApiSaysSo() throws Exception {
    String image = image("postgres");
    String id = begun(image);
    ConcurrentLinkedQueue<HttpResponse<String>> answers = new ConcurrentLinkedQueue<>();
    AtomicBoolean ended = new AtomicBoolean();
    List<Thread> callers = new ArrayList<>();
    for (String path : List.of("/builds/" + id, "/builds", "/clusters", "/builds/" + id + "/log")) {
      callers.add(
          Thread.ofVirtual()
              .start(
                  () -> {
                    while (!ended.get()) {
                      try {
                        answers.add(farm.get(path));
                      } catch (java.io.IOException e) {
                        throw new java.io.UncheckedIOException(e);
                      } catch (InterruptedException e) {
                        return;
                      }
                    }
                  }));
    }
    Set<String> accepted = ConcurrentHashMap.newKeySet();
    callers.add(Thread.ofVirtual().start(() -> submitAll(image, ended, answers, accepted)));
    farm.killAndAwaitRestart("postgres");
    farm.killAndAwaitRestart("postgres");
    assertPromotedOnce(id, image);
    ended.set(true);
    for (Thread caller : callers) {
      caller.join();
    }
    assertThat(answers)
        .extracting(HttpResponse::statusCode)
        .contains(200, 202, 503)
        .containsOnly(200, 202, 503);
    assertThat(
            farm.count(
                "SELECT count(*) FROM build WHERE image LIKE '%s-written-%%'".formatted(image)))
        .as("what was answered with 202 is there, and nothing twice")
        .isEqualTo(accepted.size());
    assertThat(answers)
        .filteredOn(answer -> answer.statusCode() == 503)
        .allSatisfy(
            answer -> {
              assertThat(answer.headers().firstValue("Retry-After")).isPresent();
              assertThat(answer.headers().firstValue("Content-Type").orElse(""))
                  .startsWith("application/problem+json");
              assertThat(RunningFarm.JSON.readTree(answer.body()).get("code").asText())
                  .isEqualTo("unavailable");
            });
  }

  @Test
  void theBuildsWorkerAndThenTheTests() throws Exception {
    String image = image("worker");
    String id = farm.accepted(RunningFarm.slow(image, busybox, SECONDS, SECONDS));
    for (String kind : List.of("build", "test")) {
      farm.awaitStep(id, kind, kind);
      List<Long> pids = farm.workerPids();
      assertThat(pids).hasSize(1);
      Tools.signal("KILL", pids.getFirst());
      farm.awaitBuild(
          id,
          "given another worker",
          build ->
              build
                      .at(
                          kind.equals("build")
                              ? "/platform_builds/0/attempts"
                              : "/release/tests/0/attempts")
                      .size()
                  == 2);
    }
    JsonNode build = assertPromotedOnce(id, image);
    assertThat(build.at("/platform_builds/0/attempts/0/state").asText()).isEqualTo("INTERRUPTED");
    assertThat(build.at("/release/tests/0/attempts/0/state").asText()).isEqualTo("INTERRUPTED");
  }

  @Test
  void aRegistryThatHangsDuringThePush() throws Exception {
    String image = image("hang");
    String id = begun(image);
    long candidate = farm.pidOf("candidate");
    Tools.signal("STOP", candidate);
    try {
      farm.awaitStep(id, "build", "push");
      // long enough that the push has met it
      Awaitility.await().pollDelay(Duration.ofSeconds(5)).until(() -> true);
    } finally {
      Tools.signal("CONT", candidate);
    }
    assertPromotedOnce(id, image);
  }

  @Test
  void aRegistryThatIsKilledDuringThePushAgainAndAgain() throws Exception {
    String image = image("push");
    String id = begun(image);
    long candidate = farm.pidOf("candidate");
    Tools.signal("STOP", candidate);
    farm.awaitStep(id, "build", "push");
    for (int i = 0; i < 3; i++) {
      farm.killAndAwaitRestart("candidate");
    }
    assertPromotedOnce(id, image);
  }

  @Test
  void aFarmThatIsSwitchedOffLetsAShortBuildEndAndALongOneBeginAgain() throws Exception {
    String longImage = image("down-long");
    String longId = begun(longImage, 20);
    String shortImage = image("down-short");
    String shortId = begun(shortImage, 1);
    Duration time = farm.down();
    farm.assertNothingIsLeft();
    Duration again = farm.start();
    System.out.printf(
        "down in the middle of a build took %.1f s, the start after it %.1f s%n",
        time.toMillis() / 1000.0, again.toMillis() / 1000.0);
    JsonNode shortBuild = assertPromotedOnce(shortId, shortImage);
    assertThat(shortBuild.at("/platform_builds/0/attempts")).hasSize(1);
    JsonNode longBuild = assertPromotedOnce(longId, longImage);
    assertThat(longBuild.at("/platform_builds/0/attempts")).hasSize(2);
    assertThat(longBuild.at("/platform_builds/0/attempts/0/failure/reason").asText())
        .isEqualTo("Drained");
  }

  /** Submits builds over and over, each until it is accepted, under a key of its own. */
  private static void submitAll(
      String image,
      AtomicBoolean ended,
      ConcurrentLinkedQueue<HttpResponse<String>> answers,
      Set<String> accepted) {
    try {
      for (int i = 0; !ended.get(); i++) {
        String name = image + "-written-" + i % 100;
        ObjectNode build =
            RunningFarm.JSON
                .createObjectNode()
                .put("image", name)
                .put("containerfile", "FROM scratch");
        build.putArray("platforms").add("linux/s390x");
        HttpResponse<String> answer;
        do {
          answer = farm.submit(build, "Idempotency-Key", name);
          answers.add(answer);
        } while (answer.statusCode() == 503);
        accepted.add(RunningFarm.JSON.readTree(answer.body()).get("id").asText());
      }
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private static String image(String what) {
    return "death-of-" + what + "-" + ++number;
  }

  /** A build that is in the middle of its RUN line. */
  private static String begun(String image) throws Exception {
    return begun(image, SECONDS);
  }

  private static String begun(String image, int seconds) throws Exception {
    String id = farm.accepted(RunningFarm.slow(image, busybox, seconds, 0));
    farm.awaitStep(id, "build", "build");
    return id;
  }

  private static JsonNode assertPromotedOnce(String id, String image) throws Exception {
    String digest = farm.awaitPromoted(id);
    farm.assertInStable(image, digest);
    Awaitility.await()
        .atMost(RunningFarm.PATIENCE)
        .ignoreExceptions()
        .untilAsserted(() -> farm.told().assertPromotedOnce(id));
    return farm.build(id);
  }
}
