package dev.grange.api.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.grange.api.testing.Farm;
import dev.grange.api.testing.Farm.Answer;
import dev.grange.api.testing.Farm.Api;
import dev.grange.api.testing.FarmResource;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.io.IOException;
import java.net.http.HttpRequest;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

@QuarkusTest
@QuarkusTestResource(FarmResource.class)
class LogIT {
  private final Api api = Farm.admin();

  private UUID build;
  private UUID first;
  private UUID second;

  /** Two attempts: "one two " in two chunks, and "three". */
  private void twoAttempts() {
    build = api.build("default");
    first = Farm.attempt(build, 1);
    Farm.log(first, 0, "one ".getBytes());
    Farm.log(first, 4, "two ".getBytes());
    Farm.endAttempt(first, true);
    second = Farm.attempt(build, 2);
    Farm.log(second, 0, "three".getBytes());
  }

  private Answer range(String range, String query) {
    return api.get("/api/v1/builds/" + build + "/log" + query, "Range", range);
  }

  @Test
  void theTextHasEveryAttemptOnceInOrder() {
    twoAttempts();
    Answer answer = api.get("/api/v1/builds/" + build + "/log");
    assertThat(answer.status()).isEqualTo(200);
    assertThat(answer.body()).isEqualTo("one two three");
    assertThat(answer.header("Content-Type")).startsWith("text/plain");
    assertThat(answer.header("Accept-Ranges")).isEqualTo("bytes");
    assertThat(answer.header("Content-Length")).isEqualTo("13");
    assertThat(answer.header("X-Content-Type-Options")).isEqualTo("nosniff");
    assertThat(api.get("/api/v1/builds/" + build + "/log?attempt=" + first).body())
        .isEqualTo("one two ");
    assertThat(api.get("/api/v1/builds/" + build + "/log?kind=test").body()).isEmpty();
    assertThat(api.get("/api/v1/builds/" + build + "/log?kind=odd").status()).isEqualTo(400);
    Answer head =
        api.send(
            api.request("/api/v1/builds/" + build + "/log")
                .method("HEAD", HttpRequest.BodyPublishers.noBody()));
    assertThat(head.header("Content-Length")).isEqualTo("13");
  }

  @Test
  void anyRangeIsAnsweredWithExactlyItsBytes() {
    twoAttempts();
    String all = "one two three";
    for (int a = 0; a < all.length(); a++) {
      assertThat(range("bytes=" + a + "-", "").body()).isEqualTo(all.substring(a));
      for (int b = a; b < all.length(); b++) {
        Answer answer = range("bytes=" + a + "-" + b, "");
        assertThat(answer.status()).isEqualTo(206);
        assertThat(answer.body()).isEqualTo(all.substring(a, b + 1));
        assertThat(answer.header("Content-Range")).isEqualTo("bytes " + a + "-" + b + "/13");
      }
    }
    assertThat(range("bytes=-5", "").body()).isEqualTo("three");
    assertThat(range("bytes=-500", "").body()).isEqualTo(all);
    assertThat(range("bytes=2-500", "?attempt=" + second).body()).isEqualTo("ree");
  }

  @Test
  void aRangeBehindTheEndIsAProblemAndOneThatMakesNoSenseIsTheWhole() {
    twoAttempts();
    Answer answer = range("bytes=13-", "");
    assertThat(answer.status()).isEqualTo(416);
    assertThat(answer.header("Content-Range")).isEqualTo("bytes */13");
    assertThat(answer.at("/code")).isEqualTo("range-not-satisfiable");
    assertThat(range("bytes=5-2", "").status()).isEqualTo(200);
    assertThat(range("lines=1-2", "").status()).isEqualTo(200);
    assertThat(range("bytes=0-1,3-4", "").status()).isEqualTo(200);
  }

  @Test
  void aStreamFollowsTheLogAndEndsWithTheBuild() {
    twoAttempts();
    CompletableFuture<String> stream =
        CompletableFuture.supplyAsync(
            () -> api.stream("/api/v1/builds/" + build + "/log", Integer.MAX_VALUE));
    await()
        .during(Duration.ofMillis(300))
        .atMost(Duration.ofSeconds(2))
        .until(() -> !stream.isDone());
    Farm.log(second, 5, " four".getBytes());
    Farm.hint(build);
    Farm.endAttempt(second, true);
    Farm.fail(build);
    Farm.hint(build);
    String text = stream.join();
    assertThat(texts(text)).isEqualTo("one two three four");
    assertThat(text).endsWith("event: end\ndata: {}\n\n");
    assertThat(text).contains("id: " + first + ":8\n", "id: " + second + ":10\n");
  }

  @Test
  void aStreamGoesOnBehindTheLastEventThatWasSeen() {
    twoAttempts();
    Farm.endAttempt(second, true);
    Farm.fail(build);
    String path = "/api/v1/builds/" + build + "/log";
    assertThat(texts(api.stream(path, 9, "Last-Event-ID", first + ":4"))).isEqualTo("two three");
    assertThat(texts(api.stream(path, 9, "Last-Event-ID", second + ":2"))).isEqualTo("ree");
    assertThat(texts(api.stream(path, 9, "Last-Event-ID", second + ":5"))).isEmpty();
    assertThat(texts(api.stream(path, 9, "Last-Event-ID", "nonsense"))).isEqualTo("one two three");
  }

  @Test
  void aCharacterThatIsCutByAChunkArrivesWhole() {
    build = api.build("default");
    first = Farm.attempt(build, 1);
    byte[] snow = "a☃b😀c".getBytes(StandardCharsets.UTF_8);
    CompletableFuture<String> stream =
        CompletableFuture.supplyAsync(
            () -> api.stream("/api/v1/builds/" + build + "/log", Integer.MAX_VALUE));
    for (int i = 0; i < snow.length; i++) {
      Farm.log(first, i, Arrays.copyOfRange(snow, i, i + 1));
      Farm.hint(build);
    }
    Farm.endAttempt(first, true);
    Farm.fail(build);
    Farm.hint(build);
    assertThat(texts(stream.join())).isEqualTo("a☃b😀c");
  }

  @Test
  void anAttemptWhoseLogIsNeverCompletedHoldsTheStreamUpForAWhileOnly() {
    build = api.build("default");
    first = Farm.attempt(build, 1);
    Farm.log(first, 0, "lost".getBytes());
    Farm.endAttempt(first, false);
    Farm.fail(build);
    assertThat(texts(api.stream("/api/v1/builds/" + build + "/log", 9))).isEqualTo("lost");
  }

  @Test
  void eventsAreListedAndStreamedAndTheStreamEndsWhenAllArePublished() {
    build = api.build("default");
    Answer list = api.get("/api/v1/builds/" + build + "/events");
    assertThat(list.at("/items/0/type")).isEqualTo("dev.cdevents.build.queued.0.3.0");
    assertThat(list.at("/items/0/event/subject/id")).isEqualTo(build.toString());
    assertThat(list.json().at("/items/0/published_at").isNull()).isTrue();
    String id = list.at("/items/0/id");
    CompletableFuture<String> stream =
        CompletableFuture.supplyAsync(
            () -> api.stream("/api/v1/builds/" + build + "/events", Integer.MAX_VALUE));
    Farm.schedulerDoes(
        """
        INSERT INTO outbox (event_id, topic, key, type, source, subject, payload)
        VALUES (?, 'grange.builds.v1', ?, 'dev.cdevents.build.finished.0.3.0', 'grange', 's', '{}')
        """,
        "finished-" + build,
        build.toString());
    Farm.fail(build);
    Farm.hint(build);
    await()
        .during(Duration.ofMillis(300))
        .atMost(Duration.ofSeconds(2))
        .until(() -> !stream.isDone());
    Farm.schedulerDoes("UPDATE outbox SET sent_at = now() WHERE key = ?", build.toString());
    Farm.hint(build);
    assertThat(stream.join())
        .contains("id: " + id + "\n", "id: finished-" + build + "\n")
        .endsWith("event: end\ndata: {}\n\n");
    assertThat(api.stream("/api/v1/builds/" + build + "/events", 9, "Last-Event-ID", id))
        .doesNotContain("id: " + id + "\n")
        .contains("id: finished-" + build + "\n");
  }

  private static String texts(String stream) {
    List<String> texts = new ArrayList<>();
    for (String line : stream.split("\n", -1)) {
      if (line.startsWith("data: {\"attempt\"")) {
        try {
          texts.add(Farm.JSON.readTree(line.substring(6)).get("text").asText());
        } catch (IOException e) {
          throw new IllegalStateException(e);
        }
      }
    }
    return String.join("", texts);
  }
}
