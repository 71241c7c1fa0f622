package dev.grange.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
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
  void everythingAtOnce() throws Exception {
    String image = image("everything");
    String id = begun(image);
    farm.killEverything();
    farm.start();
    assertPromotedOnce(id, image);
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
  void theBuildService() throws Exception {
    String image = image("build-service");
    String id = begun(image);
    farm.killAndAwaitRestart("build-service");
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
    farm.killAndAwaitRestart("postgres");
    farm.killAndAwaitRestart("postgres");
    assertPromotedOnce(id, image);
    ended.set(true);
    for (Thread caller : callers) {
      caller.join();
    }
    assertThat(answers)
        .extracting(HttpResponse::statusCode)
        .contains(200, 503)
        .containsOnly(200, 503);
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
  void theCandidateRegistry() throws Exception {
    String image = image("candidate");
    String id = begun(image);
    farm.killAndAwaitRestart("candidate");
    assertPromotedOnce(id, image);
  }

  @Test
  void theStableRegistry() throws Exception {
    String image = image("stable");
    String id = begun(image);
    farm.killAndAwaitRestart("stable");
    assertPromotedOnce(id, image);
  }

  @Test
  void aWorkerAlone() throws Exception {
    String image = image("worker");
    String id = begun(image);
    List<Long> pids = farm.workerPids();
    assertThat(pids).hasSize(1);
    Tools.signal("KILL", pids.getFirst());
    JsonNode build = assertPromotedOnce(id, image);
    assertThat(build.at("/platform_builds/0/attempts")).hasSize(2);
    assertThat(build.at("/platform_builds/0/attempts/0/state").asText()).isEqualTo("INTERRUPTED");
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
  void aFarmThatIsSwitchedOffLetsABuildEndThatNeedsLittleTime() throws Exception {
    String image = image("down");
    String id = begun(image);
    farm.down();
    farm.assertNothingIsLeft();
    farm.start();
    JsonNode build = assertPromotedOnce(id, image);
    assertThat(build.at("/platform_builds/0/attempts")).hasSize(1);
  }

  @Test
  void aFarmThatIsSwitchedOffInterruptsALongBuildWhichThenBeginsAgain() throws Exception {
    String image = image("long-down");
    String id = begun(image, 15);
    Duration time = farm.down();
    farm.assertNothingIsLeft();
    Duration again = farm.start();
    System.out.printf(
        "down in the middle of a build took %.1f s, the start after it %.1f s%n",
        time.toMillis() / 1000.0, again.toMillis() / 1000.0);
    JsonNode build = assertPromotedOnce(id, image);
    assertThat(build.at("/platform_builds/0/attempts")).hasSize(2);
    assertThat(build.at("/platform_builds/0/attempts/0/failure/reason").asText())
        .isEqualTo("Drained");
  }

  private static String image(String what) {
    return "death-of-" + what + "-" + ++number;
  }

  /** A build that is in the middle of its RUN line. */
  private static String begun(String image) throws Exception {
    return begun(image, SECONDS);
  }

  private static String begun(String image, int seconds) throws Exception {
    String id = farm.accepted(RunningFarm.slow(image, busybox, seconds));
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
