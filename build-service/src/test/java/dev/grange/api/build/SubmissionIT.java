package dev.grange.api.build;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.grange.api.testing.Farm;
import dev.grange.api.testing.Farm.Answer;
import dev.grange.api.testing.Farm.Api;
import dev.grange.api.testing.FarmResource;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.net.http.HttpRequest;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@QuarkusTest
@QuarkusTestResource(FarmResource.class)
class SubmissionIT {
  private final Api api = Farm.admin();

  private static String body(String... changes) {
    ObjectNode body = Farm.JSON.createObjectNode();
    body.put("image", "hello").put("containerfile", "FROM scratch\n");
    try {
      for (int i = 0; i < changes.length; i += 2) {
        if (changes[i + 1] == null) {
          body.remove(changes[i]);
        } else {
          body.set(changes[i], Farm.JSON.readTree(changes[i + 1]));
        }
      }
    } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
    return body.toString();
  }

  private static void isProblem(Answer answer, int status, String code, String pointer) {
    assertThat(answer.body()).contains("\"code\":\"" + code + "\"");
    assertThat(answer.status()).isEqualTo(status);
    assertThat(answer.header("Content-Type")).startsWith("application/problem+json");
    assertThat(answer.at("/type")).isEqualTo("/problems/" + code);
    assertThat(answer.at("/detail")).isNotEmpty();
    assertThat(answer.body()).doesNotContain("java.", "Exception", "dev.grange");
    if (pointer != null) {
      assertThat(answer.json().at("/errors").findValuesAsText("pointer")).contains(pointer);
    }
  }

  @Test
  void aBuildIsAcceptedWithAllThatItNeedsInTheDatabase() {
    Answer answer =
        api.post(
            "/api/v1/builds",
            body("platforms", "[\"linux/arm64\",\"linux/amd64\"]", "tags", "[\"1.0\",\"1\"]"));

    assertThat(answer.status()).isEqualTo(202);
    UUID id = UUID.fromString(answer.at("/id"));
    assertThat(answer.header("Location")).endsWith("/api/v1/builds/" + id);
    assertThat(answer.at("/state")).isEqualTo("QUEUED");
    assertThat(answer.at("/project")).isEqualTo("default");
    assertThat(answer.at("/tags/1")).isEqualTo("1");
    assertThat(answer.json().at("/platform_builds")).hasSize(2);
    assertThat(answer.json().at("/final").booleanValue()).isFalse();
    assertThat(answer.json().has("candidate")).isTrue();
    assertThat(answer.json().get("candidate").isNull()).isTrue();
    assertThat(answer.json().get("release").isNull()).isTrue();
    assertThat(Farm.count("SELECT count(*) FROM execution WHERE build_id = ?", id)).isEqualTo(2);
    assertThat(
            Farm.count(
                "SELECT count(*) FROM outbox WHERE key = ? AND type LIKE"
                    + " 'dev.cdevents.build.queued.%'",
                id.toString()))
        .isEqualTo(1);
    assertThat(withoutClocks(api.get("/api/v1/builds/" + id).json()))
        .isEqualTo(withoutClocks(answer.json()));
  }

  /** How long it has waited goes on between two answers. */
  private static JsonNode withoutClocks(JsonNode build) {
    build
        .findParents("queued_seconds")
        .forEach(part -> ((ObjectNode) part).remove("queued_seconds"));
    return build;
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "{\"image\":|malformed-json",
        "|malformed-json",
        "{} {}|malformed-json",
        "{\"image\":\"a\",\"image\":\"b\"}|malformed-json",
        "[[[[[[[[[[[[[[[[[[[[[[[[[|malformed-json",
        "[]|invalid-field",
        "null|invalid-field",
      })
  void whatIsNoObjectIsRefused(String body, String code) {
    isProblem(api.post("/api/v1/builds", body == null ? "" : body), 400, code, null);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "colour|\"red\"|unknown-field|/colour",
        "priority|\"high\"|invalid-field|/priority",
        "priority|101|invalid-field|/priority",
        "priority|1.5|invalid-field|/priority",
        "timeout_seconds|0|invalid-field|/timeout_seconds",
        "queue_seconds|99999999999999999999999|malformed-json|",
        "scratch|\"yes\"|invalid-field|/scratch",
        "tags|\"latest\"|invalid-field|/tags",
        "tags|[1]|invalid-field|/tags/0",
        "tags|[\"a\",\"a b\"]|invalid-tag|/tags/1",
        "tags|[\"a\",\"a\"]|invalid-field|/tags/1",
        "image|\"Hello\"|invalid-image|/image",
        "image|\"quay.io/a:1\"|invalid-image|/image",
        "image|7|invalid-field|/image",
        "platforms|[]|invalid-field|/platforms",
        "platforms|[\"amd64\"]|invalid-field|/platforms/0",
        "args|{\"A B\":\"1\"}|invalid-field|/args/A B",
        "args|{\"A\":1}|invalid-field|/args/A",
        "labels|{\"a/b~\":\"\\u0000\"}|invalid-field|/labels/a~1b~0",
        "context|\"sha256:1\"|invalid-field|/context",
        "context|\"sha256:0000000000000000000000000000000000000000000000000000000000000000\"|invalid-field|/context",
        "target|\"other\"|invalid-field|/target",
        "containerfile|\"\"|invalid-containerfile|/containerfile",
        "containerfile|\"FROM a\\u0000\"|invalid-containerfile|/containerfile",
        "project|\"No\"|invalid-field|/project",
      })
  void aWrongFieldIsNamed(String field, String value, String code, String pointer) {
    isProblem(api.post("/api/v1/builds", body(field, value)), 400, code, pointer);
  }

  @Test
  void aMissingContainerfileIsNamed() {
    Answer answer = api.post("/api/v1/builds", body("containerfile", null));
    isProblem(answer, 400, "invalid-containerfile", "/containerfile");
    assertThat(answer.at("/detail")).isEqualTo("\"containerfile\" is missing.");
  }

  @Test
  void aBrokenContainerfileIsRefusedWithLineAndReason() {
    Answer answer =
        api.post("/api/v1/builds", body("containerfile", "\"FROM scratch\\nRUM make\\n\""));
    isProblem(answer, 400, "invalid-containerfile", "/containerfile");
    assertThat(answer.at("/detail")).isEqualTo("Line 2: Unknown instruction \"RUM\".");
  }

  @Test
  void everythingThatIsWrongIsSaidAtOnce() {
    Answer answer =
        api.post(
            "/api/v1/builds",
            body(
                "image",
                "\"A\"",
                "tags",
                "[\"-\"]",
                "priority",
                "1000",
                "x",
                "1",
                "containerfile",
                null));
    assertThat(answer.status()).isEqualTo(400);
    assertThat(answer.json().at("/errors").findValuesAsText("pointer"))
        .containsExactly("/image", "/tags/0", "/containerfile", "/priority", "/x");
  }

  @Test
  void aBodyThatIsTooLargeIsRefused() {
    isProblem(api.post("/api/v1/builds", " ".repeat(5 << 20)), 413, "request-too-large", null);
  }

  @Test
  void anotherMediaTypeIsRefused() {
    HttpRequest.Builder request =
        api.request("/api/v1/builds")
            .header("Content-Type", "text/yaml")
            .POST(HttpRequest.BodyPublishers.ofString("image: a"));
    isProblem(api.send(request), 415, "unsupported-media-type", null);
  }

  @Test
  void unknownPathsAndMethodsAreProblemsAsWell() {
    isProblem(api.get("/api/v1/nothing"), 404, "not-found", null);
    isProblem(api.get("/nothing"), 404, "not-found", null);
    isProblem(api.send(api.request("/api/v1/builds").DELETE()), 405, "method-not-allowed", null);
    isProblem(api.get("/api/v1/builds", "Accept", "text/turtle"), 406, "not-acceptable", null);
    isProblem(api.get("/api/v1/builds/" + UUID.randomUUID()), 404, "not-found", null);
    isProblem(api.get("/api/v1/builds/17"), 404, "not-found", null);
  }

  @Test
  void anUnknownProjectIsNotFound() {
    isProblem(api.post("/api/v1/builds", body("project", "\"nobodys\"")), 404, "not-found", null);
  }

  @Test
  void theSameKeyGivesTheSameBuildAndAnotherBodyIsRefused() {
    String key = UUID.randomUUID().toString();
    Answer first = api.post("/api/v1/builds", body(), "Idempotency-Key", key);
    Answer again =
        api.post(
            "/api/v1/builds",
            "{\"tags\":[\"latest\"], \"containerfile\":\"FROM scratch\\n\",\"image\":\"hello\"}",
            "Idempotency-Key",
            "\"" + key + "\"");
    assertThat(again.status()).isEqualTo(202);
    assertThat(again.at("/id")).isEqualTo(first.at("/id"));
    isProblem(
        api.post("/api/v1/builds", body("image", "\"other\""), "Idempotency-Key", key),
        422,
        "idempotency-key-reused",
        null);
    Api another = Farm.admin();
    assertThat(another.post("/api/v1/builds", body(), "Idempotency-Key", key).at("/id"))
        .isNotEqualTo(first.at("/id"));
    isProblem(
        api.post("/api/v1/builds", body(), "Idempotency-Key", "k".repeat(256)),
        400,
        "invalid-parameter",
        null);
  }

  @Test
  void aHundredParallelRequestsWithOneKeyGiveOneBuild() throws Exception {
    String key = UUID.randomUUID().toString();
    assertThat(new HashSet<>(submitAll(java.util.Collections.nCopies(100, key)))).hasSize(1);
  }

  @Test
  void twoHundredSubmissionsWithHalfOfTheirKeysRepeatedGiveABuildForEachKey() throws Exception {
    List<String> keys = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      String key = "many-" + i + "-" + UUID.randomUUID();
      keys.add(key);
      keys.add(key);
    }
    java.util.Collections.shuffle(keys);
    long before = Farm.count("SELECT count(*) FROM build");
    Set<String> ids = new HashSet<>(submitAll(keys));
    assertThat(ids).hasSize(100);
    assertThat(Farm.count("SELECT count(*) FROM build") - before).isEqualTo(100);
  }

  private List<String> submitAll(List<String> keys) throws Exception {
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Answer>> answers = new ArrayList<>();
      for (String key : keys) {
        answers.add(
            threads.submit(() -> api.post("/api/v1/builds", body(), "Idempotency-Key", key)));
      }
      List<String> ids = new ArrayList<>();
      for (Future<Answer> answer : answers) {
        assertThat(answer.get().status()).as(answer.get().body()).isEqualTo(202);
        ids.add(answer.get().at("/id"));
      }
      return ids;
    }
  }

  @Test
  void anEndedBuildCanBeTriedAgainAndOneThatIsOpenCannot() {
    UUID old = api.build("default");
    isProblem(api.post("/api/v1/builds/" + old + "/retry"), 409, "not-finished", null);
    Farm.fail(old);
    Answer answer = api.post("/api/v1/builds/" + old + "/retry");
    assertThat(answer.status()).isEqualTo(202);
    assertThat(answer.at("/retry_of")).isEqualTo(old.toString());
    assertThat(
            Farm.count(
                "SELECT count(DISTINCT input_digest) FROM execution WHERE build_id IN (?, ?)",
                old,
                UUID.fromString(answer.at("/id"))))
        .as("the same inputs")
        .isEqualTo(1);
  }

  @Test
  void aCancellationIsWrittenDownOnceAndAnEndedBuildIsLeftAlone() {
    UUID build = api.build("default");
    Answer answer = api.post("/api/v1/builds/" + build + "/cancel");
    assertThat(answer.status()).isEqualTo(202);
    String request = answer.at("/request_id");
    assertThat(api.post("/api/v1/builds/" + build + "/cancel").at("/request_id"))
        .isEqualTo(request);
    JsonNode view = api.get("/api/v1/requests/" + request).json();
    assertThat(view.get("command").asText()).isEqualTo("cancel");
    assertThat(view.get("target").asText()).isEqualTo(build.toString());
    assertThat(view.get("answer").isNull()).isTrue();
    assertThat(api.get("/api/v1/builds/" + build).json().get("cancel_requested").booleanValue())
        .isTrue();
    Farm.schedulerDoes(
        "UPDATE request SET answer = 'DONE', answer_text = 'ok', answered_at = now() WHERE id = ?",
        UUID.fromString(request));
    assertThat(api.get("/api/v1/requests/" + request).at("/answer")).isEqualTo("DONE");
    Farm.fail(build);
    isProblem(api.post("/api/v1/builds/" + build + "/cancel"), 409, "already-finished", null);
  }

  @Test
  void cancellingABuildThatHasSucceededIsTakenAsLongAsItsReleaseCanBeWithdrawn() {
    UUID open = api.build("default");
    Farm.succeed(open, "TESTING");
    assertThat(api.post("/api/v1/builds/" + open + "/cancel").status()).isEqualTo(202);
    UUID promoted = api.build("default");
    Farm.succeed(promoted, "PROMOTED");
    isProblem(api.post("/api/v1/builds/" + promoted + "/cancel"), 409, "already-finished", null);
  }
}
