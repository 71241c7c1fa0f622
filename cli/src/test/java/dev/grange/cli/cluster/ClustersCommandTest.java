package dev.grange.cli.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.grange.cli.FakeFarm;
import dev.grange.cli.Shell;
import dev.grange.cli.Shell.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClustersCommandTest {
  private static final String GOOD =
      """
      {"name":"east","kind":"kubernetes","desired":"ACTIVE","note":"its first check has passed","desired_by":null,
       "version":1,"reachable":true,"slots":8,"slots_used":3,"platforms":["linux/amd64"],"weight":100,
       "report":{"ok":true,"findings":[{"check":"reachable","status":"OK","message":"version 1.33"}]}}
      """;
  private static final String BAD =
      GOOD.replace("\"ACTIVE\"", "\"CORDONED\"")
          .replace("its first check has passed", "")
          .replace("\"ok\":true", "\"ok\":false")
          .replace(
              "{\"check\":\"reachable\"",
              "{\"check\":\"pods create\",\"status\":\"FAILED\",\"message\":\"403: apply"
                  + " 20-role.yaml\"},{\"check\":\"reachable\"");
  private static final String REQUEST = "{\"request_id\":\"req-7\"}";

  @TempDir Path directory;
  private FakeFarm farm;
  private Shell shell;

  @BeforeEach
  void start() {
    farm = new FakeFarm();
    shell = new Shell(directory).at(farm);
    answered("DONE", "cluster east takes no new work");
  }

  @AfterEach
  void stop() {
    farm.close();
  }

  private void answered(String answer, String text) {
    farm.answering(
        "GET /requests/req-7",
        "{\"answer\":\"%s\",\"answer_text\":\"%s\"}".formatted(answer, text));
  }

  private void registered(String outcome, String request, String cluster) {
    farm.answering(
        "PUT /clusters/east",
        "{\"outcome\":\"%s\",\"request_id\":%s,\"cluster\":%s}"
            .formatted(outcome, request, cluster));
    farm.answering("GET /clusters/east", cluster);
  }

  private JsonNode sent(String route) {
    return Objects.requireNonNull(farm.bodies.get(route), route);
  }

  @Test
  void a_cluster_is_registered_by_reference_and_its_check_is_waited_for() throws IOException {
    Files.writeString(directory.resolve("east.kubeconfig"), "token: s3cr3t");
    registered("created", "\"req-7\"", GOOD);

    Result result =
        shell.run(
            "clusters",
            "add",
            "east",
            "--kubeconfig",
            "east.kubeconfig",
            "--context",
            "grange",
            "--worker-image",
            "registry.example.com/grange/worker:1",
            "--slots",
            "8",
            "--weight",
            "50",
            "--platform",
            "linux/amd64,linux/arm64",
            "--label",
            "zone=a",
            "--http-proxy",
            "http://proxy:3128",
            "--no-proxy",
            "10.0.0.0/8",
            "--memory",
            "4Gi",
            "--storage",
            "20Gi",
            "--keep-failed",
            "10m",
            "--trusted-input",
            "--image-pull-secret",
            "pull",
            "--namespace",
            "builds",
            "--node-selector",
            "disk=ssd");

    assertThat(result.status()).as(result.err()).isZero();
    assertThat(result.err()).contains("Cluster east: created.", "Checking east", "ACTIVE");
    assertThat(result.out()).contains("OK        reachable: version 1.33");
    JsonNode body = sent("PUT /clusters/east");
    assertThat(body.toString()).doesNotContain("s3cr3t");
    assertThat(body)
        .isEqualTo(
            new ObjectMapper()
                .readTree(
                    """
                    {"slots":8,"weight":50,"platforms":["linux/amd64","linux/arm64"],"labels":{"zone":"a"},
                     "config":{"credential":{"kubeconfig_file":"%s","context":"grange"},"namespace":"builds",
                      "worker_image":"registry.example.com/grange/worker:1","memory_bytes":4294967296,
                      "storage_bytes":21474836480,"proxy":{"http":"http://proxy:3128","no":"10.0.0.0/8"},
                      "image_pull_secrets":["pull"],"node_selector":{"disk":"ssd"},"trusted_input":true,
                      "keep_failed_seconds":600}}
                    """
                        .formatted(directory.resolve("east.kubeconfig"))));
  }

  @Test
  void what_has_to_be_mended_is_named_and_the_exit_status_says_so() {
    registered("created", "\"req-7\"", BAD);
    Result result =
        shell
            .with("GRANGE_WORKER_IMAGE", "registry.example.com/w:1")
            .run("clusters", "add", "east", "--kubeconfig", "/nowhere/east");
    assertThat(result.status()).isEqualTo(9);
    assertThat(result.out().lines().reduce((_, last) -> last).orElse(""))
        .as("what is to be mended comes last")
        .isEqualTo("FAILED    pods create: 403: apply 20-role.yaml");
    assertThat(result.err())
        .contains(
            "/nowhere/east is not on this machine",
            "mend pods create, then `grange clusters check east`");
    assertThat(sent("PUT /clusters/east").at("/config/worker_image").asText())
        .isEqualTo("registry.example.com/w:1");
  }

  @Test
  void the_same_again_is_unchanged_and_asks_for_no_check() {
    registered("unchanged", "null", GOOD);
    Result result =
        shell.run("clusters", "add", "east", "--kubeconfig", "/k", "--worker-image", "r/w");
    assertThat(result.status()).isZero();
    assertThat(result.err()).contains("Cluster east: unchanged.").doesNotContain("Checking");
    registered("unchanged", "null", BAD);
    assertThat(shell.run("clusters", "add", "east", "--kubeconfig", "/k").status()).isEqualTo(9);
  }

  @Test
  void a_file_may_say_it_all_and_options_change_it() throws IOException {
    Files.writeString(
        directory.resolve("east.yaml"),
        """
        slots: 3
        config:
          credential: {token_file: /etc/east.token}
          server: https://api:6443
          worker_image: r/w:1
        """);
    registered("changed", "null", GOOD);
    Result result =
        shell.run("clusters", "add", "east", "-f", "east.yaml", "--slots", "5", "-o", "name");
    assertThat(result.status()).as(result.err()).isZero();
    assertThat(result.out()).isEqualTo("east\n");
    JsonNode body = sent("PUT /clusters/east");
    assertThat(body.path("slots").asInt()).isEqualTo(5);
    assertThat(body.at("/config/credential/token_file").asText()).isEqualTo("/etc/east.token");
    assertThat(shell.run("clusters", "add", "east", "-f", "nothing.yaml").status()).isEqualTo(2);
  }

  @Test
  void what_is_wrong_with_a_registration_is_said_of_the_options() throws IOException {
    String problem =
        """
        {"title":"A field's value cannot be used.","status":400,"code":"invalid-field","detail":"2 things are wrong.",
         "errors":[{"detail":"It is missing.","pointer":"/config/credential"},
                   {"detail":"This is no platform.","pointer":"/platforms/0"},
                   {"detail":"There is no such field.","pointer":"/config/colour"}]}
        """;
    farm.instead(400, "", problem);
    Result result = shell.run("clusters", "add", "east", "--platform", "vax");
    assertThat(result.status()).isEqualTo(2);
    assertThat(result.err())
        .contains(
            "\n  --kubeconfig or --cluster-token-file: It is missing.",
            "\n  --platform: This is no platform.",
            "\n  config/colour: There is no such field.");
    Files.writeString(directory.resolve("east.yaml"), "platforms: [vax]\n");
    farm.instead(400, "", problem);
    assertThat(shell.run("clusters", "add", "east", "-f", "east.yaml").err())
        .contains("\n  platforms/0 (--platform): This is no platform.");
  }

  @Test
  void what_a_local_cluster_does_not_have_is_refused() {
    Result result =
        shell
            .with("GRANGE_WORKER_IMAGE", "r/w")
            .run("clusters", "add", "here", "--kind", "local", "--memory", "4Gi", "-n", "builds");
    assertThat(result.status()).isEqualTo(2);
    assertThat(result.err()).contains("Leave out --namespace, --memory");
    assertThat(farm.requests).isEmpty();
    registered("created", "null", GOOD);
    assertThat(shell.run("clusters", "add", "east", "--kind", "local", "--slots", "2").status())
        .isZero();
    assertThat(sent("PUT /clusters/east").toString()).isEqualTo("{\"kind\":\"local\",\"slots\":2}");
  }

  @Test
  void a_check_prints_what_it_found_and_a_refused_one_says_why() {
    farm.answering("POST /clusters/east/check", REQUEST).answering("GET /clusters/east", BAD);
    assertThat(shell.run("clusters", "check", "east").status()).isEqualTo(9);
    farm.answering("GET /clusters/east", GOOD);
    Result json = shell.run("clusters", "check", "east", "-o", "json");
    assertThat(json.status()).isZero();
    assertThat(json.out()).contains("\"findings\"");
    answered("REFUSED", "no scheduler looks after cluster east");
    Result refused = shell.run("clusters", "check", "east");
    assertThat(refused.status()).isEqualTo(3);
    assertThat(refused.err()).contains("no scheduler looks after");
    farm.answering("GET /requests/req-7", "{\"answer\":null}");
    Result late =
        shell
            .with("GRANGE_COMMAND", "./grange")
            .run("clusters", "check", "east", "--wait-timeout", "1");
    assertThat(late.status()).isEqualTo(8);
    assertThat(late.err()).contains("Waited 1.0 s", "`./grange clusters show east`");
  }

  @Test
  void what_a_check_finds_is_printed_while_it_goes_on_and_once() {
    farm.answering("POST /clusters/east/check", REQUEST)
        .answering("GET /requests/req-7", "{\"answer\":null}")
        .answering("GET /clusters/east", GOOD.replace("\"ok\":true", "\"checking\":true"));
    Result result = shell.run("clusters", "check", "east", "--wait-timeout", "1");
    assertThat(result.status()).isEqualTo(8);
    assertThat(result.out()).isEqualTo("OK        reachable: version 1.33\n");
    // what an earlier check has found is no news
    farm.answering("GET /clusters/east", GOOD);
    assertThat(shell.run("clusters", "check", "east", "--wait-timeout", "1").out()).isEmpty();
  }

  @Test
  void orders_carry_their_note_and_print_what_the_farm_says() {
    for (String order : List.of("cordon", "drain", "uncordon")) {
      farm.answering("POST /clusters/east/" + order, REQUEST);
    }
    Result cordon =
        shell.run("clusters", "cordon", "east", "--note", "disks", "--resume-after", "2h");
    assertThat(cordon.status()).isZero();
    assertThat(cordon.err()).contains("takes no new work");
    assertThat(sent("POST /clusters/east/cordon").toString())
        .isEqualTo("{\"note\":\"disks\",\"resume_after_seconds\":7200}");
    shell.run("clusters", "drain", "east", "--now", "-m", "fire");
    assertThat(sent("POST /clusters/east/drain").toString())
        .isEqualTo("{\"note\":\"fire\",\"now\":true}");
    shell.run("clusters", "drain", "east", "--timeout", "30m");
    assertThat(sent("POST /clusters/east/drain").toString())
        .isEqualTo("{\"timeout_seconds\":1800}");
    shell.run("clusters", "uncordon", "east");
    assertThat(sent("POST /clusters/east/uncordon").toString()).isEqualTo("{}");
  }

  @Test
  void a_drain_can_be_waited_for() {
    farm.answering("POST /clusters/east/drain", REQUEST)
        .answering("GET /clusters/east", GOOD.replace("\"ACTIVE\"", "\"DRAINING\""));
    Result late = shell.run("clusters", "drain", "east", "--wait", "--wait-timeout", "1");
    assertThat(late.status()).isEqualTo(8);
    assertThat(late.err()).contains("Still on east: 3");
    farm.answering(
        "GET /clusters/east",
        GOOD.replace("\"ACTIVE\"", "\"DRAINING\",\"drained_at\":\"2026-01-01T00:00:00Z\""));
    Result drained = shell.run("clusters", "drain", "east", "--wait");
    assertThat(drained.status()).isZero();
    assertThat(drained.err()).contains("Cluster east is drained.");
  }

  @Test
  void a_removal_that_is_refused_says_what_to_do_first() {
    farm.answering("DELETE /clusters/east", REQUEST);
    answered("REFUSED", "3 attempts are still on cluster east: drain it first");
    Result result = shell.run("clusters", "remove", "east", "--note", "old iron");
    assertThat(result.status()).isEqualTo(3);
    assertThat(result.err()).contains("drain it first");
    assertThat(farm.requests).contains("DELETE /clusters/east?note=old%20iron");
    assertThat(shell.run("clusters", "remove", "west").status()).isEqualTo(5);
  }

  @Test
  void one_cluster_is_shown_with_its_last_check() {
    farm.answering("GET /clusters/east", BAD);
    Result result = shell.run("clusters", "show", "east");
    assertThat(result.status()).isZero();
    assertThat(result.out())
        .contains(
            "CORDONED  takes work when its first check passes", "3/8", "FAILED    pods create");
    assertThat(shell.run("clusters", "show", "east", "-o", "name").out()).isEqualTo("east\n");
  }

  @Test
  void who_did_what_to_it_is_shown_in_every_form() {
    farm.answering("GET /clusters/east", GOOD)
        .answering(
            "GET /clusters/east/requests",
            """
            {"items":[{"command":"drain","principal":"ann","created_at":"2026-01-01T00:00:00Z","answer":"DONE","answer_text":"it is drained"}]}
            """);
    assertThat(shell.run("clusters", "show", "east", "--history").out())
        .contains("2026-01-01T00:00:00Z  drain by ann  DONE it is drained");
    assertThat(shell.run("clusters", "show", "east", "--history", "-o", "json").out())
        .contains("\"history\"", "\"principal\" : \"ann\"");
    assertThat(shell.run("clusters", "show", "east", "-o", "json").out())
        .doesNotContain("\"history\"");
  }

  @Test
  void the_manifests_are_those_of_the_repository_for_another_namespace_and_address()
      throws IOException {
    Result result =
        shell.run(
            "clusters",
            "manifests",
            "-n",
            "builds-2",
            "--allow",
            "10.200.0.1:5000",
            "--allow",
            "10.200.0.0/24:7082",
            "--deny",
            "198.51.100.0/24");
    assertThat(result.status()).as(result.err()).isZero();
    assertThat(result.out()).doesNotContain("grange-builds", "192.0.2.10", "EDIT");
    List<String> kinds = new ArrayList<>();
    List<JsonNode> egress = new ArrayList<>();
    try (var parser = new YAMLFactory().createParser(result.out())) {
      ObjectMapper yaml = new ObjectMapper(new YAMLFactory());
      var documents = yaml.readerFor(JsonNode.class).<JsonNode>readValues(parser);
      while (documents.hasNext()) {
        JsonNode document = documents.next();
        if (!document.has("kind")) {
          continue;
        }
        kinds.add(document.get("kind").asText());
        String namespace =
            document.get("kind").asText().equals("Namespace")
                ? document.at("/metadata/name").asText()
                : document.at("/metadata/namespace").asText();
        assertThat(namespace).isEqualTo("builds-2");
        document.at("/spec/egress").forEach(egress::add);
      }
    }
    assertThat(kinds)
        .containsExactly(
            "Namespace",
            "ServiceAccount",
            "ServiceAccount",
            "Role",
            "RoleBinding",
            "NetworkPolicy",
            "NetworkPolicy",
            "ResourceQuota",
            "LimitRange");
    assertThat(egress).hasSize(4);
    assertThat(egress.get(1).toString())
        .contains("198.51.100.0/24", "169.254.0.0/16", "10.0.0.0/8");
    assertThat(egress.get(2).toString()).contains("10.200.0.1/32", "5000");
    assertThat(egress.get(3).toString()).contains("10.200.0.0/24", "7082");
    assertThat(shell.run("clusters", "manifests", "--allow", "registry:5000").status())
        .isEqualTo(2);
    assertThat(shell.run("clusters", "manifests").err()).contains("--allow ADDRESS:PORT");
  }
}
