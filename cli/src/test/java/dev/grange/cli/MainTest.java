package dev.grange.cli;

import static dev.grange.cli.FakeFarm.DIGEST;
import static dev.grange.cli.FakeFarm.ID;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MainTest {

  @TempDir Path directory;
  private final FakeFarm farm = new FakeFarm();
  private Shell shell;

  @BeforeEach
  void aShell() {
    shell = new Shell(directory).at(farm);
  }

  @AfterEach
  void stop() {
    farm.close();
  }

  @Test
  void lists_builds_as_a_table() {
    farm.building();
    Shell.Result result = shell.run("builds", "list", "--status", "queued");
    assertThat(result.status()).isZero();
    assertThat(result.out().lines().toList().get(0)).startsWith("ID").contains("IMAGE");
    assertThat(result.out().lines().toList().get(1)).startsWith(ID + "  hello  QUEUED");
    assertThat(farm.requests).containsExactly("GET /builds?status=QUEUED&limit=20");
  }

  @ParameterizedTest
  @CsvSource({"json,'\"image\" : \"hello\"'", "yaml,'image: hello'", "name," + ID})
  void lists_builds_in_every_form(String form, String expected) {
    Shell.Result result = shell.run("builds", "list", "-o", form);
    assertThat(result.out()).contains(expected);
    assertThat(result.err()).isEmpty();
  }

  @Test
  void shows_a_build() {
    farm.building().succeeding().promoted();
    shell.run("builds", "show", ID);
    shell.run("builds", "show", ID);
    shell.run("builds", "show", ID);
    assertThat(shell.run("builds", "show", ID).out())
        .contains("Release      rel-1  PROMOTED")
        .contains("Attempt 1  SUCCEEDED on local")
        .contains("127.0.0.1:7051/hello@" + DIGEST);
  }

  @Test
  void explains_lists_clusters_and_events() {
    assertThat(shell.run("builds", "explain", ID).out())
        .isEqualTo("QUEUED: NoFreeSlot. every slot is taken\n  local: full\n");
    assertThat(shell.run("clusters", "list").out()).contains("local", "ACTIVE", "linux/amd64");
    assertThat(shell.run("events", ID, "-o", "name").out())
        .isEqualTo("dev.cdevents.build.queued.0.3.0\n");
    assertThat(shell.run("events", ID, "-f", "-o", "name").out())
        .isEqualTo("dev.cdevents.build.queued.0.3.0\n");
  }

  @Test
  void prints_a_log_byte_for_byte() {
    farm.log("\u001B[31mred\u001B[0m\r\nno end", 1);
    assertThat(shell.run("builds", "log", ID).out()).isEqualTo("\u001B[31mred\u001B[0m\r\nno end");
  }

  @Test
  void makes_a_log_harmless_on_a_terminal() {
    farm.log("\u001B]0;title\u0007\u001B[2Jgone\n", 1);
    assertThat(shell.with("GRANGE_TERMINAL", "stdout").run("builds", "log", ID).out())
        .isEqualTo("gone\n");
  }

  @Test
  void follows_a_log_across_broken_connections_without_losing_or_repeating_a_byte() {
    farm.log("one\ntwo\nthree\nfour\n", 4).building().succeeding().promoted();
    Shell.Result result = shell.run("builds", "log", "-f", ID);
    assertThat(result.out()).isEqualTo("one\ntwo\nthree\nfour\n");
    assertThat(farm.lastEventIds).isNotEmpty().first().asString().startsWith("att-1:");
    assertThat(result.status()).isZero();
  }

  @Test
  void asks_for_the_log_of_the_tests() {
    shell.run("builds", "log", "--test", "--attempt", "att-9", ID);
    assertThat(farm.requests).containsExactly("GET /builds/" + ID + "/log?attempt=att-9&kind=test");
  }

  @Test
  void waits_until_a_build_is_cancelled() {
    farm.building().then(build -> build.put("state", "CANCELLED").put("final", true));
    assertThat(shell.run("builds", "cancel", "--wait", ID).status()).isZero();
  }

  @Test
  void says_so_when_a_build_was_too_fast_to_be_cancelled() {
    farm.building().succeeding().promoted();
    Shell.Result result = shell.run("builds", "cancel", "--wait", ID);
    assertThat(result.status()).isEqualTo(3);
    assertThat(result.err()).contains("was not cancelled; it is SUCCEEDED");
  }

  @Test
  void retries_a_build_and_follows_the_new_one() {
    farm.building().succeeding();
    Shell.Result result = shell.run("builds", "retry", ID);
    assertThat(result.status()).isZero();
    assertThat(result.out()).contains(DIGEST);
  }

  @ParameterizedTest
  @CsvSource({
    "400,2", "401,4", "403,4", "404,5", "409,3", "413,2", "422,2", "500,3",
  })
  void maps_refusals_to_exit_statuses(int http, int status) {
    farm.instead(http, "", "{\"title\":\"No\",\"detail\":\"Do this instead.\"}");
    Shell.Result result = shell.run("builds", "show", ID);
    assertThat(result.status()).isEqualTo(status);
    assertThat(result.err()).startsWith("grange: No: Do this instead.");
    assertThat(result.out()).isEmpty();
  }

  @Test
  void names_each_field_that_was_refused() {
    farm.instead(
        400,
        "",
        "{\"title\":\"Invalid\",\"errors\":[{\"pointer\":\"/image\",\"detail\":\"lower case"
            + " only\"}]}");
    assertThat(shell.run("builds", "list").err())
        .isEqualTo("grange: Invalid\n  image: lower case only\n");
  }

  @Test
  void says_whose_token_was_refused_and_never_what_it_is() {
    Shell.Result result = shell.with("GRANGE_TOKEN", "grange_secret").run("builds", "list");
    assertThat(result.status()).isEqualTo(4);
    assertThat(result.err()).contains("from GRANGE_TOKEN").doesNotContain("grange_secret");
  }

  @Test
  void says_how_to_start_a_farm_that_does_not_answer() throws IOException {
    int port;
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = socket.getLocalPort();
    }
    Shell.Result result =
        shell
            .with("GRANGE_COMMAND", "./grange")
            .run("builds", "list", "--url", "http://127.0.0.1:" + port);
    assertThat(result.status()).isEqualTo(3);
    assertThat(result.err()).contains("Start it with `./grange up -d`.");
  }

  @Test
  void says_how_to_start_a_farm_when_there_is_none() {
    Shell.Result result = new Shell(directory).run("builds", "list");
    assertThat(result.status()).isEqualTo(3);
    assertThat(result.err()).contains("`grange up -d`");
  }

  @Test
  void finds_the_farm_of_this_machine_with_its_token() throws IOException {
    farmFile(farm.url());
    Shell.Result result = new Shell(directory).run("builds", "list");
    assertThat(result.err()).isEmpty();
    assertThat(result.status()).isZero();
  }

  @Test
  void does_not_show_the_local_token_to_another_farm() throws IOException {
    farmFile("http://127.0.0.1:1");
    Shell.Result result = new Shell(directory).with("GRANGE_URL", farm.url()).run("builds", "list");
    assertThat(result.status()).isEqualTo(4);
    assertThat(result.err()).contains("No token was sent");
  }

  @Test
  void prefers_flags_to_the_environment() throws IOException {
    Path token = Files.writeString(directory.resolve("t"), FakeFarm.TOKEN + "\n");
    Shell.Result result =
        shell
            .with("GRANGE_URL", "http://127.0.0.1:1")
            .with("GRANGE_TOKEN", "wrong")
            .run("builds", "list", "--url", farm.url() + "/", "--token-file", token.toString());
    assertThat(result.status()).isZero();
  }

  @Test
  void runs_the_demo_until_the_events_are_published() throws IOException {
    example();
    farm.building().succeeding().promoted();
    Shell.Result result = shell.run("demo", "--json", "--cluster", "local");
    assertThat(result.err()).contains("published  1 events on Kafka");
    assertThat(result.status()).isZero();
    assertThat(result.out())
        .isEqualTo(
            "{\"build\":\"%s\",\"candidate\":\"127.0.0.1:7050/builds/%s@%s\",\"stable\":[\"127.0.0.1:7051/hello@%s\"],\"digest\":\"%s\",\"events\":[\"dev.cdevents.build.queued.0.3.0\"]}\n"
                .formatted(ID, ID, DIGEST, DIGEST, DIGEST));
    assertThat(directory.resolve(".grange/demo/hello/busybox")).hasContent("static");
  }

  @Test
  void the_demo_knows_the_clusters_of_the_farm() throws IOException {
    example();
    Shell.Result result = shell.run("demo", "--cluster", "moon");
    assertThat(result.status()).isEqualTo(5);
    assertThat(result.err()).contains("there are: local.");
    assertThat(farm.submissions).isEmpty();
  }

  @Test
  void completes_for_both_shells() {
    assertThat(shell.run("completion", "bash").out()).contains("complete -F", "--until");
    assertThat(shell.run("completion", "zsh").out()).contains("bashcompinit");
  }

  @ParameterizedTest
  @CsvSource({"nonsense", "builds", "builds show", "build --no-such-option", "builds list -o pdf"})
  void ends_with_2_when_it_is_misused(String line) {
    Shell.Result result = shell.run(line.split(" "));
    assertThat(result.status()).isEqualTo(2);
    assertThat(result.err()).contains("--help`.");
  }

  @Test
  void every_command_has_help() {
    assertThat(shell.run("--help").out()).contains("build", "builds", "Exit status:");
    assertThat(shell.run("build", "--help").out()).contains("--until", "--wait-timeout");
    assertThat(shell.run("builds", "log", "--help").out()).contains("--follow");
  }

  private void example() throws IOException {
    Path example = Files.createDirectories(directory.resolve("examples/hello"));
    Files.writeString(example.resolve("Containerfile"), "FROM scratch\n");
    Path bin = Files.createDirectories(directory.resolve("bin"));
    Files.writeString(bin.resolve("busybox"), "static");
    assertThat(bin.resolve("busybox").toFile().setExecutable(true)).isTrue();
    shell.with("GRANGE_ROOT", directory.toString()).with("PATH", bin.toString());
  }

  private void farmFile(String url) throws IOException {
    Path home = Files.createDirectories(directory.resolve(".grange"));
    Path token = Files.writeString(home.resolve("token"), FakeFarm.TOKEN);
    Files.writeString(
        home.resolve("farm.json"),
        "{\"api\":\"%s\",\"pid\":1,\"token_file\":\"%s\"}".formatted(url, token));
  }
}
