package dev.grange.api.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.grange.api.testing.Farm;
import dev.grange.api.testing.Farm.Answer;
import dev.grange.api.testing.Farm.Api;
import dev.grange.api.testing.FarmResource;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.net.URI;
import java.net.http.HttpRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

@QuarkusTest
@QuarkusTestResource(FarmResource.class)
class ClustersIT {
  private static final String CONFIG =
      """
      "credential":{"kubeconfig_file":"/etc/grange/east.kubeconfig","context":"grange"},
      "worker_image":"registry.example.com/grange/worker:1"
      """;

  private final Api operator = Farm.api("olga", null, "operator");
  private final Api viewer = Farm.api("victor", null, "viewer");

  private static String path(String name) {
    return "/api/v1/clusters/" + name;
  }

  private static Answer put(Api api, String name, String body, String... headers) {
    HttpRequest.Builder request =
        api.request(path(name))
            .header("Content-Type", "application/json")
            .PUT(HttpRequest.BodyPublishers.ofString(body));
    return api.send(headers.length == 0 ? request : request.headers(headers));
  }

  private static Answer delete(Api api, String name) {
    return api.send(api.request(path(name)).DELETE());
  }

  private static String request(Answer accepted) {
    return URI.create(accepted.header("Location")).getPath();
  }

  private static String cluster(int slots) {
    return "{\"slots\":%d,\"config\":{%s}}".formatted(slots, CONFIG);
  }

  @Test
  void aClusterIsRegisteredOnceAndTheSameAgainChangesNothing() {
    Answer created = put(operator, "east", cluster(8), "If-None-Match", "*");
    assertThat(created.status()).as(created.body()).isEqualTo(201);
    assertThat(created.header("Location")).endsWith("/api/v1/clusters/east");
    assertThat(created.header("ETag")).isEqualTo("\"1\"");
    assertThat(created.at("/outcome")).isEqualTo("created");
    assertThat(created.at("/cluster/kind")).isEqualTo("kubernetes");
    assertThat(created.at("/cluster/desired")).isEqualTo("CORDONED");
    assertThat(created.at("/cluster/config/namespace")).isEqualTo("grange-builds");
    String request = created.at("/request_id");
    assertThat(operator.get("/api/v1/requests/" + request).at("/command")).isEqualTo("check");

    Answer same = put(operator, "east", cluster(8));
    assertThat(same.status()).isEqualTo(200);
    assertThat(same.at("/outcome")).isEqualTo("unchanged");
    assertThat(same.json().get("request_id").isNull()).isTrue();
    assertThat(same.header("ETag")).isEqualTo("\"1\"");

    Answer changed = put(operator, "east", cluster(9));
    assertThat(changed.at("/outcome")).isEqualTo("changed");
    assertThat(changed.json().get("request_id").isNull()).as("slots need no check").isTrue();
    assertThat(changed.header("ETag")).isEqualTo("\"2\"");
    assertThat(changed.at("/cluster/slots")).isEqualTo("9");

    Answer moved = put(operator, "east", cluster(9).replace("worker:1", "worker:2"));
    assertThat(moved.json().get("request_id").isNull()).as("another image does").isFalse();

    List<String> told = new ArrayList<>();
    operator
        .get(path("east") + "/requests")
        .json()
        .get("items")
        .forEach(item -> told.add(item.get("command").asText()));
    assertThat(told)
        .containsExactlyInAnyOrder("register", "check", "register", "register", "check");
  }

  @Test
  void whoeverKnowsAnOldVersionChangesNothing() {
    put(operator, "etagged", cluster(1));
    String old = operator.get(path("etagged")).header("ETag");
    assertThat(put(operator, "etagged", cluster(2), "If-Match", old).status()).isEqualTo(200);
    Answer late = put(operator, "etagged", cluster(3), "If-Match", old);
    assertThat(late.status()).isEqualTo(412);
    assertThat(late.at("/code")).isEqualTo("precondition-failed");
    assertThat(late.at("/detail")).contains("\"2\"");
    assertThat(operator.get(path("etagged")).at("/slots")).isEqualTo("2");
    assertThat(put(operator, "etagged", cluster(2), "If-None-Match", "*").status()).isEqualTo(412);
    assertThat(put(operator, "nowhere", cluster(2), "If-Match", "\"1\"").status()).isEqualTo(412);
    assertThat(operator.get(path("nowhere")).status()).isEqualTo(404);
    for (String header : List.of("7", "W/\"7\"", "*")) {
      assertThat(put(operator, "etagged", cluster(2), "If-Match", header).status())
          .as(header)
          .isEqualTo(400);
    }
  }

  @Test
  void ofManyWhoRegisterAtOnceOneCreates() throws Exception {
    List<Callable<String>> calls = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      calls.add(() -> put(operator, "contended", cluster(4)).at("/outcome"));
    }
    List<String> outcomes = new ArrayList<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
      for (Future<String> call : threads.invokeAll(calls)) {
        outcomes.add(call.get());
      }
    }
    assertThat(outcomes).containsOnlyOnce("created").contains("unchanged").hasSize(8);
    assertThat(
            Farm.count(
                "SELECT count(*) FROM request WHERE target = 'contended' AND command = 'register'"))
        .isEqualTo(1);
  }

  @TestFactory
  List<DynamicTest> whatCannotBeIsRefusedWithItsPlace() {
    return List.of(
        refused("{}", "/config", "credential"),
        refused("{\"config\":{}}", "/config/credential", "kubeconfig_file"),
        refused(
            "{\"config\":{\"credential\":{\"kubeconfig_file\":\"/etc/grange/k\"}}}",
            "/config/worker_image",
            "pullspec"),
        refused(config("\"sever\":\"https://x\""), "/config/sever", "misspelled"),
        refused("{\"slot\":1,\"config\":{" + CONFIG + "}}", "/slot", "ClusterRegistration"),
        refused("{\"slots\":-1,\"config\":{" + CONFIG + "}}", "/slots", "whole number"),
        refused("{\"weight\":0,\"config\":{" + CONFIG + "}}", "/weight", "1 to 1000"),
        refused("{\"platforms\":[],\"config\":{" + CONFIG + "}}", "/platforms", "array"),
        refused(
            "{\"platforms\":[\"amd64\"],\"config\":{" + CONFIG + "}}", "/platforms/0", "linux/"),
        refused("{\"kind\":\"fake\"}", "/kind", "kubernetes"),
        refused(
            "{\"kind\":\"local\",\"config\":{\"namespace\":\"x\"}}",
            "/config/namespace",
            "no field"),
        refused(config("\"server\":\"http://api:6443\""), "/config/server", "https://host:port"),
        refused(
            config("\"server\":\"https://u:p@api:6443\""), "/config/server", "come from a file"),
        refused(config("\"ca\":\"x\""), "/config/ca", "PEM"),
        refused(config("\"ca_file\":\"ca.pem\""), "/config/ca_file", "absolute"),
        refused(config("\"ca_file\":\"/a/../etc/shadow\""), "/config/ca_file", ".."),
        refused(
            "{\"config\":{\"credential\":{\"token_file\":\"/etc/grange-keys/signing.pem\"}}}",
            "/config/credential/token_file",
            "/etc/grange."),
        refused(config("\"namespace\":\"Upper\""), "/config/namespace", "lower case"),
        refused(config("\"memory_bytes\":1"), "/config/memory_bytes", "whole number"),
        refused(config("\"proxy\":{\"http\":\"proxy\"}"), "/config/proxy/http", "http://host:port"),
        refused(config("\"proxy\":{\"socks\":\"x\"}"), "/config/proxy/socks", "no field"),
        refused(config("\"proxy\":\"http://x:1\""), "/config/proxy", "an object"),
        refused(config("\"image_pull_secrets\":[\"a b\"]"), "/config/image_pull_secrets/0", "name"),
        refused(config("\"trusted_input\":\"yes\""), "/config/trusted_input", "true or false"),
        refused(config("\"keep_failed_seconds\":-1"), "/config/keep_failed_seconds", "from 0"),
        refused(config("\"node_selector\":{\"a b\":\"c\"}"), "/config/node_selector/a b", "label"),
        refused(
            config("\"tolerations\":[{\"operator\":\"In\"}]"),
            "/config/tolerations/0/operator",
            "Exists"),
        refused(
            config("\"tolerations\":[{\"effect\":\"NoSchedule\",\"toleration_seconds\":1}]"),
            "/config/tolerations/0/toleration_seconds",
            "NoExecute"),
        refused(
            config("\"tolerations\":[{\"seconds\":1}]"),
            "/config/tolerations/0/seconds",
            "no field"));
  }

  private static String config(String more) {
    return "{\"config\":{" + CONFIG + "," + more + "}}";
  }

  private DynamicTest refused(String body, String pointer, String says) {
    return DynamicTest.dynamicTest(
        pointer + " " + says,
        () -> {
          Answer answer = put(operator, "refused", body);
          assertThat(answer.status()).as(answer.body()).isEqualTo(400);
          List<String> pointers = new ArrayList<>();
          for (JsonNode error : answer.json().get("errors")) {
            pointers.add(error.get("pointer").asText());
            if (error.get("pointer").asText().equals(pointer)) {
              assertThat(error.get("detail").asText()).contains(says);
            }
          }
          assertThat(pointers).contains(pointer);
          assertThat(operator.get(path("refused")).status()).isEqualTo(404);
        });
  }

  @TestFactory
  List<DynamicTest> aSecretInTheBodyIsRefusedAndKeptNowhere() {
    String secret = "s3cr3t-of-east";
    return List.of(
            config("\"token\":\"" + secret + "\""),
            config("\"password\":\"" + secret + "\""),
            config("\"kubeconfig\":\"users: " + secret + "\""),
            "{\"config\":{\"credential\":{\"token\":\"" + secret + "\"}}}",
            "{\"config\":{\"credential\":{\"client-key-data\":\"" + secret + "\"}}}",
            config("\"proxy\":{\"http\":\"http://u:" + secret + "@proxy:3128\"}"),
            config(
                "\"ca\":\"-----BEGIN CERTIFICATE----- -----BEGIN PRIVATE KEY-----" + secret + "\""))
        .stream()
        .map(
            body ->
                DynamicTest.dynamicTest(
                    body,
                    () -> {
                      Answer answer = put(operator, "secretive", body);
                      assertThat(answer.status()).as(answer.body()).isEqualTo(400);
                      assertThat(answer.body()).doesNotContain(secret);
                      assertThat(answer.body())
                          .containsAnyOf("Secrets are not taken", "Leave out", "private key");
                      assertThat(
                              Farm.count("SELECT count(*) FROM cluster WHERE name = 'secretive'"))
                          .isZero();
                    }))
        .toList();
  }

  @Test
  void aCommandIsWrittenDownWithWhoGaveIt() {
    put(operator, "commanded", cluster(1));
    Answer drain =
        operator.post(
            path("commanded") + "/drain",
            "{\"note\":\" new disks \",\"timeout_seconds\":60,\"resume_after_seconds\":3600}");
    assertThat(drain.status()).as(drain.body()).isEqualTo(202);
    Answer request = operator.get(request(drain));
    assertThat(request.at("/command")).isEqualTo("drain");
    assertThat(request.at("/target")).isEqualTo("commanded");
    assertThat(request.at("/principal")).isEqualTo("olga");
    assertThat(
            Farm.text(
                "SELECT arguments::text FROM request WHERE id = ?::uuid", drain.at("/request_id")))
        .isEqualTo(
            "{\"note\": \"new disks\", \"timeout_seconds\": 60, \"resume_after_seconds\": 3600}");
    for (String command : List.of("cordon", "uncordon", "check")) {
      assertThat(operator.post(path("commanded") + "/" + command).status())
          .as(command)
          .isEqualTo(202);
    }
    assertThat(delete(operator, "commanded").status()).isEqualTo(202);
    assertThat(Farm.text("SELECT desired FROM cluster WHERE name = 'commanded'"))
        .as("the scheduler's to change")
        .isEqualTo("CORDONED");
  }

  @Test
  void whatACommandCannotMeanIsRefused() {
    put(operator, "misled", cluster(1));
    for (String[] misuse :
        new String[][] {
          {"cordon", "{\"now\":true}", "/now"},
          {"cordon", "{\"timeout_seconds\":1}", "/timeout_seconds"},
          {"cordon", "{\"note\":\"" + "n".repeat(1001) + "\"}", "/note"},
          {"drain", "{\"now\":true,\"timeout_seconds\":1}", "/timeout_seconds"},
          {"drain", "{\"timeout_seconds\":0}", "/timeout_seconds"},
          {"drain", "{\"resume_after_seconds\":2592001}", "/resume_after_seconds"},
          {"uncordon", "{\"resume_after_seconds\":1}", "/resume_after_seconds"},
        }) {
      Answer answer = operator.post(path("misled") + "/" + misuse[0], misuse[1]);
      assertThat(answer.status()).as(misuse[1]).isEqualTo(400);
      assertThat(answer.at("/errors/0/pointer")).isEqualTo(misuse[2]);
    }
    assertThat(operator.post(path("misled") + "/cordon", "{").at("/code"))
        .isEqualTo("malformed-json");
  }

  @Test
  void anOpenCheckIsFoundAndNotAskedForTwice() {
    String check = put(operator, "checked", cluster(1)).at("/request_id");
    assertThat(operator.post(path("checked") + "/check").at("/request_id")).isEqualTo(check);
    Farm.schedulerDoes(
        "UPDATE request SET answer = 'DONE', answered_at = now() WHERE id = ?::uuid", check);
    assertThat(operator.post(path("checked") + "/check").at("/request_id")).isNotEqualTo(check);
  }

  @Test
  void whoIsNoOperatorMayLookAndNothingElse() {
    put(operator, "watched", cluster(1));
    Farm.schedulerDoes(
        """
        UPDATE cluster SET reachable = false, last_error = 'no route to 192.0.2.7', checked_at = now(),
          report = '{"ok":false,"findings":[]}' WHERE name = 'watched'
        """);
    Api submitter = Farm.api("sam", "default", "submitter", "releaser", "tester");
    for (Api other : List.of(viewer, submitter)) {
      Answer seen = other.get(path("watched"));
      assertThat(seen.status()).isEqualTo(200);
      assertThat(seen.at("/reachable")).isEqualTo("false");
      assertThat(seen.body()).doesNotContain("192.0.2.7", "kubeconfig", "findings");
      assertThat(other.get("/api/v1/clusters").body())
          .doesNotContain("192.0.2.7", "kubeconfig", "findings");
      for (String command : List.of("cordon", "drain", "uncordon", "check")) {
        assertThat(other.post(path("watched") + "/" + command).status()).as(command).isEqualTo(403);
      }
      assertThat(put(other, "watched", cluster(2)).status()).isEqualTo(403);
      assertThat(delete(other, "watched").status()).isEqualTo(403);
      assertThat(other.get(path("watched") + "/requests").status()).isEqualTo(403);
    }
    assertThat(operator.get(path("watched")).body())
        .contains("192.0.2.7", "east.kubeconfig", "findings");
    assertThat(
            Farm.count(
                "SELECT count(*) FROM request WHERE target = 'watched' AND principal <> 'olga'"))
        .isZero();
  }

  @Test
  void theAnswerToAnOperatorsCommandIsNotForOthers() {
    put(operator, "private", cluster(1));
    String location = request(operator.post(path("private") + "/cordon"));
    assertThat(operator.get(location).status()).isEqualTo(200);
    assertThat(viewer.get(location).status()).isEqualTo(404);
  }

  @Test
  void aClusterThatIsNotThereIs404() {
    for (String command : List.of("cordon", "drain", "uncordon", "check")) {
      assertThat(operator.post(path("atlantis") + "/" + command).status()).isEqualTo(404);
    }
    assertThat(delete(operator, "atlantis").status()).isEqualTo(404);
    assertThat(operator.get(path("atlantis")).status()).isEqualTo(404);
    assertThat(put(operator, "No_Name", cluster(1)).status()).isEqualTo(400);
  }

  @Test
  void aRemovedClusterIsNowhereAndMayBeRegisteredAgain() {
    put(operator, "phoenix", cluster(1));
    Farm.schedulerDoes(
        "UPDATE cluster SET removed_at = now(), desired = 'CORDONED' WHERE name = 'phoenix'");
    assertThat(operator.get(path("phoenix")).status()).isEqualTo(404);
    assertThat(operator.get("/api/v1/clusters").body()).doesNotContain("phoenix");
    assertThat(operator.post(path("phoenix") + "/cordon").status()).isEqualTo(404);
    String build =
        "{\"image\":\"hello\",\"containerfile\":\"FROM scratch\\n\",\"cluster\":\"phoenix\"}";
    Answer named = Farm.admin().post("/api/v1/builds", build);
    assertThat(named.at("/errors/0/pointer")).isEqualTo("/cluster");
    assertThat(put(operator, "phoenix", cluster(1), "If-Match", "\"1\"").status()).isEqualTo(412);

    Answer again = put(operator, "phoenix", cluster(1), "If-None-Match", "*");
    assertThat(again.at("/outcome")).isEqualTo("created");
    assertThat(again.at("/cluster/version")).isEqualTo("2");
    assertThat(again.at("/cluster/desired")).isEqualTo("CORDONED");
  }

  @Test
  void whatIsBeingRemovedIsNotRegisteredUnderItsRemoval() {
    put(operator, "leaving", cluster(1));
    assertThat(delete(operator, "leaving").status()).isEqualTo(202);

    Answer early = put(operator, "leaving", cluster(1));
    assertThat(early.status()).as(early.body()).isEqualTo(409);
    assertThat(early.at("/code")).isEqualTo("not-finished");

    Farm.schedulerDoes(
        """
        UPDATE request SET answer = 'REFUSED', answer_text = 'not empty', answered_at = now()
        WHERE target = 'leaving' AND command = 'remove'
        """);
    assertThat(put(operator, "leaving", cluster(1)).at("/outcome")).isEqualTo("unchanged");
  }

  @Test
  void aClusterStaysWhereItIsWhilePodsAreThere() {
    put(operator, "moving", cluster(1));
    UUID build =
        UUID.fromString(Farm.admin().post("/api/v1/builds", Farm.submission("default")).at("/id"));
    UUID attempt = Farm.attempt(build, 1);
    Farm.schedulerDoes("UPDATE attempt SET cluster = 'moving' WHERE id = ?", attempt);
    String elsewhere = cluster(1).replace("\"config\":{", "\"config\":{\"namespace\":\"other\",");
    String context = cluster(1).replace("\"context\":\"grange\"", "\"context\":\"west\"");

    for (String body : List.of(elsewhere, context)) {
      Answer occupied = put(operator, "moving", body);
      assertThat(occupied.status()).as(occupied.body()).isEqualTo(409);
      assertThat(occupied.at("/detail")).contains("Drain it");
    }
    assertThat(put(operator, "moving", cluster(2)).at("/outcome")).isEqualTo("changed");

    Farm.endAttempt(attempt, true);
    Farm.schedulerDoes(
        "UPDATE attempt SET pod_kept_until = now() + interval '1 hour' WHERE id = ?", attempt);
    assertThat(put(operator, "moving", elsewhere).status()).isEqualTo(409);
    Farm.schedulerDoes("UPDATE attempt SET pod_kept_until = NULL WHERE id = ?", attempt);
    assertThat(put(operator, "moving", elsewhere).at("/cluster/config/namespace"))
        .isEqualTo("other");
  }

  @Test
  void aLocalClusterTakesOnlyWhatIsNotTheSchedulersOwn() {
    Answer answer =
        put(operator, "local", "{\"kind\":\"local\",\"slots\":2,\"labels\":{\"disk\":\"fast\"}}");
    assertThat(answer.status()).as(answer.body()).isEqualTo(200);
    assertThat(answer.at("/cluster/labels/disk")).isEqualTo("fast");
    Answer other = put(operator, "local", cluster(2));
    assertThat(other.status()).isEqualTo(400);
    assertThat(other.at("/errors/0/pointer")).isEqualTo("/kind");
  }
}
