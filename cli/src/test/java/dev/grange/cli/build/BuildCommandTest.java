package dev.grange.cli.build;

import static dev.grange.cli.FakeFarm.DIGEST;
import static dev.grange.cli.FakeFarm.ID;
import static org.assertj.core.api.Assertions.assertThat;

import dev.grange.cli.FakeFarm;
import dev.grange.cli.Shell;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BuildCommandTest {

  private static final String CANDIDATE = "127.0.0.1:7050/builds/" + ID + "@" + DIGEST;
  private static final String LOG =
      """
      ::grange::section::build::start::2026-01-01T00:00:01.000Z
      STEP 1/2: FROM scratch
      \u001B]0;evil title\u0007STEP 2/2: RUN false
      ::grange::section::build::end::2026-01-01T00:00:03.500Z::exit=7
      """;

  @TempDir Path directory;
  private final FakeFarm farm = new FakeFarm();
  private Shell shell;

  @BeforeEach
  void aContext() throws IOException {
    Path context = Files.createDirectory(directory.resolve("My App"));
    Files.writeString(context.resolve("Containerfile"), "FROM scratch\n");
    Files.writeString(context.resolve("Dockerfile"), "FROM nothing\n");
    Files.writeString(context.resolve("hello"), "hello\n");
    shell = new Shell(directory).at(farm);
  }

  @AfterEach
  void stop() {
    farm.close();
  }

  @Test
  void prints_the_candidate_alone_on_stdout_when_the_image_is_built() {
    farm.log(LOG, 1).building().succeeding();
    Shell.Result result = shell.run("build", "My App");
    assertThat(result.status()).isZero();
    assertThat(result.out()).isEqualTo(CANDIDATE + "\n");
    assertThat(result.err())
        .contains("waiting: every slot is taken")
        .contains("placed     build linux/amd64 on local")
        .contains("── build")
        .contains("    STEP 1/2: FROM scratch")
        .contains("── build failed with exit 7 after 2.5 s")
        .contains("built      " + CANDIDATE)
        .doesNotContain("\u001B");
  }

  @Test
  void takes_the_containerfile_before_the_dockerfile_and_names_the_image_after_the_directory() {
    farm.building().succeeding();
    shell.run("build", "My App");
    assertThat(farm.submissions.getFirst().path("containerfile").asText())
        .isEqualTo("FROM scratch\n");
    assertThat(farm.submissions.getFirst().path("image").asText()).isEqualTo("my-app");
    assertThat(farm.submissions.getFirst().path("project").asText()).isEqualTo("default");
  }

  @Test
  void sends_everything_that_was_asked_for() {
    farm.building().succeeding();
    shell
        .with("FROM_OUTSIDE", "yes")
        .run(
            "build",
            "My App",
            "-t",
            "team/app:1",
            "-t",
            "team/app",
            "--build-arg",
            "A=b=c",
            "--build-arg",
            "FROM_OUTSIDE",
            "--build-arg",
            "UNSET",
            "--label",
            "k=v",
            "--target",
            "final",
            "--platform",
            "linux/amd64,linux/arm64",
            "--project",
            "blue",
            "--priority",
            "5",
            "--timeout",
            "1h30m",
            "--scratch",
            "--idempotency-key",
            "mine",
            "--nowait");
    var request = farm.submissions.getFirst();
    assertThat(request.path("image").asText()).isEqualTo("team/app");
    assertThat(request.path("tags").toString()).isEqualTo("[\"1\",\"latest\"]");
    assertThat(request.path("args").toString())
        .isEqualTo("{\"A\":\"b=c\",\"FROM_OUTSIDE\":\"yes\"}");
    assertThat(request.path("labels").toString()).isEqualTo("{\"k\":\"v\"}");
    assertThat(request.path("target").asText()).isEqualTo("final");
    assertThat(request.path("platforms").toString()).isEqualTo("[\"linux/amd64\",\"linux/arm64\"]");
    assertThat(request.path("project").asText()).isEqualTo("blue");
    assertThat(request.path("priority").asInt()).isEqualTo(5);
    assertThat(request.path("timeout_seconds").asInt()).isEqualTo(5400);
    assertThat(request.path("scratch").asBoolean()).isTrue();
    assertThat(farm.keys).containsExactly("mine");
  }

  @Test
  void does_not_send_a_context_that_the_farm_has() {
    shell.run("build", "My App", "--nowait");
    shell.run("build", "My App", "--nowait");
    assertThat(farm.requests.stream().filter(r -> r.startsWith("POST /contexts"))).hasSize(1);
    assertThat(farm.requests.stream().filter(r -> r.startsWith("HEAD /contexts"))).hasSize(2);
    assertThat(farm.submissions.get(1).path("context").asText())
        .isEqualTo(farm.submissions.get(0).path("context").asText())
        .isEqualTo(farm.contexts.keys().nextElement());
  }

  @Test
  void builds_a_containerfile_from_stdin_without_a_context() {
    farm.building().succeeding();
    Shell.Result result = shell.in("FROM scratch\n").run("build", "-q", "-f", "-", "-t", "x");
    assertThat(result.status()).isZero();
    assertThat(result.err()).isEmpty();
    assertThat(farm.submissions.getFirst().has("context")).isFalse();
    assertThat(result.out()).isEqualTo(CANDIDATE + "\n");
  }

  @Test
  void prints_the_stable_pullspec_and_how_to_look_at_it_when_promoted() {
    farm.building().succeeding().promoted();
    Shell.Result result = shell.run("build", "My App", "--until", "promoted");
    assertThat(result.status()).isZero();
    assertThat(result.out()).isEqualTo("127.0.0.1:7051/hello@" + DIGEST + "\n");
    assertThat(result.err())
        .contains("test       smoke linux/amd64 PASSED")
        .contains("event      dev.cdevents.build.queued.0.3.0")
        .contains("promoted   127.0.0.1:7051/hello@" + DIGEST)
        .contains("skopeo inspect --tls-verify=false docker://127.0.0.1:7051/hello@" + DIGEST);
  }

  @ParameterizedTest
  @CsvSource({"USER,BuildFailed,1", "CONFIG,MissingSecret,9", "INFRA,DiskFull,7"})
  void says_by_its_exit_status_who_has_to_act(String fault, String reason, int status) {
    farm.building().failing(fault, reason, "it went wrong");
    Shell.Result result = shell.run("build", "My App");
    assertThat(result.status()).isEqualTo(status);
    assertThat(result.out()).isEmpty();
  }

  @Test
  void names_fault_reason_step_and_last_lines_of_a_failed_build() {
    farm.log(LOG, 1).building().failing("USER", "BuildFailed", "step build: exit 7");
    Shell.Result result = shell.run("build", "My App");
    assertThat(result.err())
        .contains("failed: USER, BuildFailed in step build for linux/amd64.")
        .contains("  step build: exit 7")
        .contains("  | STEP 2/2: RUN false")
        .endsWith("The whole log: grange builds log " + ID + "\n");
  }

  @Test
  void names_the_test_and_the_way_to_its_log_when_blocked() {
    farm.building().succeeding().blocked();
    Shell.Result result = shell.run("build", "My App", "--until", "promoted");
    assertThat(result.status()).isEqualTo(10);
    assertThat(result.err())
        .contains("smoke linux/amd64: FAILED")
        .contains("it does not greet")
        .endsWith("See the test's log: grange builds log --test " + ID + "\n");
  }

  @Test
  void ends_with_6_when_somebody_cancels_the_build() {
    farm.building().then(build -> build.put("state", "CANCELLED").put("final", true));
    assertThat(shell.run("build", "My App").status()).isEqualTo(6);
  }

  @Test
  void ends_with_8_when_its_own_wait_is_over() {
    farm.building();
    Shell.Result result = shell.run("build", "My App", "--wait-timeout", "1s");
    assertThat(result.status()).isEqualTo(8);
    assertThat(result.err()).contains("grange builds log -f " + ID);
  }

  @Test
  void prints_the_id_and_leaves_with_nowait() {
    Shell.Result result = shell.run("build", "My App", "--nowait");
    assertThat(result.status()).isZero();
    assertThat(result.out()).isEqualTo(ID + "\n");
  }

  @Test
  void prints_the_whole_build_as_json_also_when_it_failed() {
    farm.building().failing("USER", "BuildFailed", "no");
    Shell.Result result = shell.run("build", "My App", "-o", "json");
    assertThat(result.status()).isEqualTo(1);
    assertThat(result.out()).contains("\"state\" : \"FAILED\"");
  }

  @Test
  void writes_the_digest_to_a_file() {
    farm.building().succeeding();
    shell.run("build", "My App", "-q", "--digestfile", "digest");
    assertThat(directory.resolve("digest")).hasContent(DIGEST);
  }

  @Test
  void repeats_a_submission_under_the_same_key_when_the_farm_is_away_for_a_moment() {
    farm.instead(503, "0", "").building().succeeding();
    Shell.Result result = shell.in("FROM scratch\n").run("build", "-q", "-f", "-", "-t", "x");
    assertThat(result.status()).isZero();
    assertThat(farm.keys).hasSize(2);
    assertThat(farm.keys.get(0)).isEqualTo(farm.keys.get(1)).isNotBlank();
  }

  @ParameterizedTest
  @CsvSource({
    "build --scratch --until promoted .",
    "build -t a:1 -t b:1 'My App'",
    "build nowhere",
    "build .",
    "build --label novalue 'My App'",
    "build --timeout soon 'My App'",
    "build --until tomorrow 'My App'"
  })
  void ends_with_2_when_it_is_misused(String line) {
    String[] arguments = line.replace("'My App'", "My\u00a0App").split(" ");
    for (int i = 0; i < arguments.length; i++) {
      arguments[i] = arguments[i].replace('\u00a0', ' ');
    }
    Shell.Result result = shell.run(arguments);
    assertThat(result.status()).isEqualTo(2);
    assertThat(result.err()).startsWith("grange: ");
    assertThat(farm.submissions).isEmpty();
  }
}
