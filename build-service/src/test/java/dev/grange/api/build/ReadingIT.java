package dev.grange.api.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.grange.api.testing.Farm;
import dev.grange.api.testing.Farm.Answer;
import dev.grange.api.testing.Farm.Api;
import dev.grange.api.testing.FarmResource;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.net.http.HttpRequest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

@QuarkusTest
@QuarkusTestResource(FarmResource.class)
class ReadingIT {
  private final Api api = Farm.admin();

  @Test
  void aListIsReadPageByPageNewestFirstAndEachBuildOnce() {
    Farm.project("paged");
    List<String> made = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      made.addFirst(api.build("paged").toString());
    }
    List<String> seen = new ArrayList<>();
    String path = "/api/v1/builds?project=paged&limit=2";
    while (!path.isEmpty()) {
      Answer page = api.get(path);
      assertThat(page.status()).isEqualTo(200);
      page.json().get("items").forEach(item -> seen.add(item.get("id").asText()));
      String link = page.header("Link");
      assertThat(link.isEmpty()).isEqualTo(page.json().get("next_cursor").isNull());
      path = link.isEmpty() ? "" : link.substring(1, link.indexOf('>'));
    }
    assertThat(seen).isEqualTo(made);
  }

  @Test
  void aListCanBeFiltered() {
    Farm.project("filtered");
    UUID failed = api.build("filtered");
    UUID open = api.build("filtered");
    Farm.fail(failed);
    assertThat(ids("/api/v1/builds?project=filtered&status=failed,cancelled"))
        .containsExactly(failed.toString());
    assertThat(ids("/api/v1/builds?project=filtered&status=QUEUED"))
        .containsExactly(open.toString());
    assertThat(ids("/api/v1/builds?project=filtered&image=other")).isEmpty();
    assertThat(api.get("/api/v1/builds?status=odd").at("/code")).isEqualTo("invalid-parameter");
    assertThat(api.get("/api/v1/builds?limit=0").at("/code")).isEqualTo("invalid-parameter");
    assertThat(api.get("/api/v1/builds?limit=x").status()).isEqualTo(400);
  }

  private List<String> ids(String path) {
    List<String> ids = new ArrayList<>();
    api.get(path).json().get("items").forEach(item -> ids.add(item.get("id").asText()));
    return ids;
  }

  @Test
  void aCursorOfAnotherListOrOfNoListIsRefused() {
    Farm.project("cursors");
    api.build("cursors");
    api.build("cursors");
    String cursor = api.get("/api/v1/builds?project=cursors&limit=1").at("/next_cursor");
    for (String path :
        List.of(
            "/api/v1/builds?limit=1&cursor=" + cursor,
            "/api/v1/builds?project=cursors&status=FAILED&cursor=" + cursor,
            "/api/v1/builds?cursor=abc",
            "/api/v1/builds?cursor=%00")) {
      Answer answer = api.get(path);
      assertThat(answer.status()).as(path).isEqualTo(400);
      assertThat(answer.at("/code")).isEqualTo("invalid-cursor");
    }
  }

  @Test
  void whoWaitsIsAnsweredWhenTheStateChanges() {
    UUID build = api.build("default");
    long start = System.nanoTime();
    CompletableFuture<Answer> waiting =
        CompletableFuture.supplyAsync(
            () -> api.get("/api/v1/builds/" + build, "Prefer", "wait=30"));
    await()
        .during(Duration.ofMillis(300))
        .atMost(Duration.ofSeconds(2))
        .until(() -> !waiting.isDone());
    Farm.run(build);
    Farm.hint(build);
    Answer answer = waiting.join();
    assertThat(answer.at("/state")).isEqualTo("RUNNING");
    assertThat(answer.header("Preference-Applied")).isEqualTo("wait=30");
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(10));
  }

  @Test
  void whoWaitsForAnEndedBuildIsAnsweredAtOnceAndOthersWhenTheTimeIsUp() {
    UUID ended = api.build("default");
    Farm.fail(ended);
    long start = System.nanoTime();
    assertThat(api.get("/api/v1/builds/" + ended, "Prefer", "wait=30").at("/state"))
        .isEqualTo("FAILED");
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(5));
    UUID open = api.build("default");
    assertThat(api.get("/api/v1/builds/" + open, "Prefer", "wait=1").at("/state"))
        .isEqualTo("QUEUED");
    assertThat(api.post("/api/v1/builds", Farm.submission("default"), "Prefer", "wait=1").status())
        .isEqualTo(202);
  }

  @Test
  void aBuildIsShownWithEverythingThatWasDoneForIt() {
    UUID build = api.build("default");
    UUID attempt = Farm.attempt(build, 1);
    Farm.log(attempt, 0, "hello".getBytes());
    UUID release = Farm.succeed(build, "PROMOTING");
    UUID run = UUID.randomUUID();
    Farm.schedulerDoes(
        """
        INSERT INTO test_run (id, release_id, test_case, platform, digest, command, timeout_seconds, outcome, finished_at)
        VALUES (?, ?, 'smoke', 'linux/amd64', ?, '[]'::jsonb, 60, 'PASSED', now())
        """,
        run,
        release,
        Farm.DIGEST);
    UUID promotion = UUID.randomUUID();
    Farm.schedulerDoes("INSERT INTO promotion (id, release_id) VALUES (?, ?)", promotion, release);
    Farm.schedulerDoes(
        """
        INSERT INTO promotion_target (id, promotion_id, registry, repository, tags)
        VALUES (?, ?, 'stable', 'default/hello', '{latest,1.0}')
        """,
        UUID.randomUUID(),
        promotion);

    JsonNode view = api.get("/api/v1/builds/" + build).json();

    assertThat(view.at("/candidate/pullspec").asText())
        .matches("127\\.0\\.0\\.1:\\d+/builds/" + build + "@" + Farm.DIGEST);
    assertThat(view.at("/platform_builds/0/attempts/0/id").asText()).isEqualTo(attempt.toString());
    assertThat(view.at("/platform_builds/0/attempts/0/log_bytes").asLong()).isEqualTo(5);
    assertThat(view.at("/release/state").asText()).isEqualTo("PROMOTING");
    assertThat(view.at("/release/decision/allowed").booleanValue()).isTrue();
    assertThat(view.at("/release/policy_version").asInt()).isEqualTo(1);
    assertThat(view.at("/release/tests/0/outcome").asText()).isEqualTo("PASSED");
    assertThat(view.at("/release/targets/0/pullspec").asText())
        .endsWith("/default/hello@" + Farm.DIGEST);
    assertThat(view.at("/release/targets/0/tag_pullspecs/1").asText())
        .endsWith("/default/hello:1.0");
    assertThat(view.get("final").booleanValue()).isFalse();
    assertThat(api.get("/api/v1/releases/" + release).json()).isEqualTo(view.get("release"));
    assertThat(api.get("/api/v1/releases/" + build).status()).isEqualTo(404);
  }

  @Test
  void whyABuildWaitsIsShown() {
    UUID build = api.build("default");
    assertThat(api.get("/api/v1/builds/" + build + "/explain").at("/reason"))
        .isEqualTo("NotYetConsidered");
    Farm.schedulerDoes(
        """
        INSERT INTO placement_lane (project, lane, reason, message, clusters)
        SELECT project, lane, 'NoFreeSlot', 'All slots are taken.', '{"local": "2 of 2 slots are taken"}'::jsonb
        FROM execution WHERE build_id = ?
        """,
        build);
    Answer answer = api.get("/api/v1/builds/" + build + "/explain");
    assertThat(answer.at("/state")).isEqualTo("QUEUED");
    assertThat(answer.at("/reason")).isEqualTo("NoFreeSlot");
    assertThat(answer.at("/clusters/local")).isEqualTo("2 of 2 slots are taken");
    JsonNode waiting = answer.json().at("/platforms/0/waiting");
    assertThat(waiting.at("/project").asText()).isEqualTo("default");
    assertThat(waiting.at("/waiting").asLong()).isGreaterThan(waiting.at("/ahead").asLong());
    assertThat(waiting.at("/remedy").asText()).contains("more slots");
    assertThat(waiting.at("/seconds").asDouble()).isGreaterThan(0);
    assertThat(api.get("/api/v1/builds/" + build).at("/waiting/reason")).isEqualTo("NoFreeSlot");
  }

  @Test
  void whatHasATurnBeforeIsCounted() {
    UUID first = api.build("default");
    UUID second = api.build("default");
    long ahead = ahead(first);
    assertThat(ahead(second)).isEqualTo(ahead + 1);
    Farm.schedulerDoes(
        "UPDATE execution SET not_before = now() + interval '1 hour' WHERE build_id = ?", second);
    assertThat(api.get("/api/v1/builds/" + second + "/explain").at("/reason")).isEqualTo("Backoff");
  }

  private long ahead(UUID build) {
    return api.get("/api/v1/builds/" + build + "/explain")
        .json()
        .at("/platforms/0/waiting/ahead")
        .asLong();
  }

  @Test
  void waitingAndRunningAreTwoClocks() {
    UUID build = api.build("default");
    JsonNode queued = api.get("/api/v1/builds/" + build).json();
    assertThat(queued.at("/queued_seconds").asDouble()).isGreaterThan(0);
    assertThat(queued.at("/ran_seconds").asDouble()).isZero();
    assertThat(queued.at("/queue_limit_seconds").asInt()).isPositive();
    Farm.schedulerDoes(
        """
        INSERT INTO attempt (id, kind, execution_id, number, cluster, epoch, pod_name, deadline, repository, state, pod_uid,
          queued_at, assigned_at, building_at, finished_at, released_at, digest)
        SELECT p.id, 'BUILD', e.id, 1, 'local', 1, 'pod-' || p.id, now(), 'attempts/x', 'SUCCEEDED', 'u',
          e.queued_at, e.queued_at + interval '100 s', e.queued_at + interval '130 s', e.queued_at + interval '170 s', now(),
          'sha256:' || repeat('0', 64)
        FROM platform_build p JOIN execution e ON e.id = p.execution_id WHERE p.build_id = ?
        """,
        build);
    JsonNode ran = api.get("/api/v1/builds/" + build).json();
    assertThat(ran.at("/queued_seconds").asDouble()).isEqualTo(130);
    assertThat(ran.at("/ran_seconds").asDouble()).isEqualTo(40);
    assertThat(ran.at("/platform_builds/0/attempts/0/queued_seconds").asDouble()).isEqualTo(130);
  }

  @Test
  void clustersAreListedWithTheSlotsThatAreHeld() {
    List<JsonNode> items = new ArrayList<>();
    api.get("/api/v1/clusters").json().get("items").forEach(items::add);
    assertThat(items)
        .filteredOn(cluster -> cluster.get("name").asText().equals("local"))
        .singleElement()
        .satisfies(
            local -> {
              assertThat(local.get("slots").asInt()).isEqualTo(2);
              assertThat(local.get("slots_used").asInt()).isZero();
            });
  }

  @Test
  void withoutAValidTokenNothingIsAnswered() {
    for (Api nobody :
        List.of(new Api(""), new Api("grange_short"), new Api("grange_" + "A".repeat(43)))) {
      for (String path : List.of("/api/v1/builds", "/api/v1/clusters", "/api/v1/builds/x/log")) {
        Answer answer = nobody.get(path);
        assertThat(answer.status()).as(path).isEqualTo(401);
        assertThat(answer.at("/code")).isEqualTo("unauthenticated");
        assertThat(answer.header("WWW-Authenticate")).startsWith("Bearer");
      }
      assertThat(nobody.post("/api/v1/builds", Farm.submission("default")).status()).isEqualTo(401);
      assertThat(nobody.upload("/api/v1/contexts", new byte[10]).status()).isEqualTo(401);
    }
  }

  @Test
  void aTokenThatIsExpiredOrRevokedIsNone() {
    Api expired = Farm.api("expired", null, "viewer");
    Farm.ownerDoes(
        "UPDATE token SET expires_at = now() - interval '1 s' WHERE principal = 'expired'");
    assertThat(expired.get("/api/v1/builds").status()).isEqualTo(401);
    Api revoked = Farm.api("revoked", null, "viewer");
    assertThat(revoked.get("/api/v1/builds").status()).isEqualTo(200);
    Farm.ownerDoes("UPDATE token SET revoked_at = now() WHERE principal = 'revoked'");
    await()
        .atMost(Duration.ofSeconds(5))
        .until(() -> revoked.get("/api/v1/builds").status() == 401);
  }

  @Test
  void aTokenOfAnotherProjectSeesNothingOfABuild() {
    Farm.project("ours");
    Farm.project("theirs");
    UUID build = api.build("ours");
    UUID attempt = Farm.attempt(build, 1);
    UUID release = Farm.succeed(build, "TESTING");
    String request = api.post("/api/v1/builds/" + build + "/cancel").at("/request_id");
    Api theirs = Farm.api("them", "theirs", "viewer", "submitter", "releaser");
    for (String path :
        List.of(
            "/api/v1/builds/" + build,
            "/api/v1/builds/" + build + "/log",
            "/api/v1/builds/" + build + "/log?attempt=" + attempt,
            "/api/v1/builds/" + build + "/events",
            "/api/v1/builds/" + build + "/explain",
            "/api/v1/releases/" + release,
            "/api/v1/requests/" + request,
            "/api/v1/builds?project=ours",
            "/api/v1/contexts/" + Farm.DIGEST + "?project=ours")) {
      Answer answer = theirs.get(path);
      assertThat(answer.status()).as(path).isEqualTo(404);
      assertThat(answer.at("/code")).isEqualTo("not-found");
    }
    for (String path : List.of("/cancel", "/retry")) {
      assertThat(theirs.post("/api/v1/builds/" + build + path).status()).isEqualTo(404);
    }
    assertThat(theirs.get("/api/v1/builds/" + build, "Prefer", "wait=5").status()).isEqualTo(404);
    assertThat(theirs.post("/api/v1/builds", Farm.submission("ours")).status()).isEqualTo(404);
    assertThat(theirs.upload("/api/v1/contexts?project=ours", new byte[1]).status()).isEqualTo(404);
    assertThat(theirs.get("/api/v1/builds").json().get("items")).isEmpty();
    UUID own =
        UUID.fromString(
            theirs
                .post("/api/v1/builds", "{\"image\":\"a\",\"containerfile\":\"FROM a\"}")
                .at("/id"));
    assertThat(theirs.get("/api/v1/builds").json().at("/items/0/id").asText())
        .isEqualTo(own.toString());
  }

  @Test
  void anAttemptOfAnotherBuildIsNotReadThroughOnesOwn() {
    UUID mine = api.build("default");
    UUID other = Farm.attempt(api.build("default"), 1);
    assertThat(api.get("/api/v1/builds/" + mine + "/log?attempt=" + other).status()).isEqualTo(404);
  }

  @Test
  void whoMayOnlyLookMayNotSubmit() {
    Farm.project("looked-at");
    UUID build = api.build("looked-at");
    Api viewer = Farm.api("looker", "looked-at", "viewer");
    assertThat(viewer.get("/api/v1/builds/" + build).status()).isEqualTo(200);
    for (Answer answer :
        List.of(
            viewer.post("/api/v1/builds", Farm.submission("looked-at")),
            viewer.post("/api/v1/builds/" + build + "/cancel"),
            viewer.post("/api/v1/builds/" + build + "/retry"),
            viewer.upload("/api/v1/contexts", new byte[1]))) {
      assertThat(answer.status()).isEqualTo(403);
      assertThat(answer.at("/code")).isEqualTo("forbidden");
    }
  }

  @Test
  void theFarmIsReadyWhenTheDatabaseHasWhatItNeeds() {
    Answer ready = new Api("").get("/q/health/ready");
    assertThat(ready.status()).isEqualTo(200);
    assertThat(new Api("").get("/q/health/live").status()).isEqualTo(200);
  }

  @Test
  void withTheDatabaseAwayEveryRouteSaysSoAndAfterwardsAllIsWell() {
    UUID build = api.build("default");
    Farm.does("database.cut");
    try {
      for (Answer answer :
          List.of(
              api.get("/api/v1/builds/" + build),
              api.get("/api/v1/builds"),
              api.post("/api/v1/builds", Farm.submission("default")),
              api.send(
                  api.request("/api/v1/builds/" + build + "/cancel")
                      .POST(HttpRequest.BodyPublishers.noBody())))) {
        assertThat(answer.status()).as(answer.body()).isEqualTo(503);
        assertThat(answer.at("/code")).isEqualTo("unavailable");
        assertThat(answer.json().get("retryable").booleanValue()).isTrue();
        assertThat(answer.header("Retry-After")).isNotEmpty();
        assertThat(answer.body()).doesNotContain("SQL", "Exception", "postgres");
      }
      assertThat(new Api("").get("/q/health/ready").status()).isEqualTo(503);
      assertThat(new Api("").get("/q/health/live").status()).isEqualTo(200);
    } finally {
      Farm.does("database.mend");
    }
    await()
        .atMost(Duration.ofSeconds(20))
        .until(() -> api.get("/api/v1/builds/" + build).status() == 200);
    await()
        .atMost(Duration.ofSeconds(20))
        .until(() -> new Api("").get("/q/health/ready").status() == 200);
  }
}
