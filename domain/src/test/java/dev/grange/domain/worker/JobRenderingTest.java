package dev.grange.domain.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.grange.domain.Golden;
import dev.grange.domain.build.Reason;
import dev.grange.domain.worker.JobRendering.CandidateRegistry;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class JobRenderingTest {
  private static final String ATTEMPT = "0199a000-0000-7000-8000-000000000001";
  private static final String REPOSITORY = "attempts/" + ATTEMPT;
  private static final CandidateRegistry PLAIN = new CandidateRegistry("127.0.0.1:7050", true);
  private static final CandidateRegistry TLS = new CandidateRegistry("registry.example.com", false);

  private static BuildInputs inputs(
      Map<String, String> args, Map<String, String> labels, String target, boolean context) {
    return new BuildInputs(
        "default",
        "linux/amd64",
        "FROM scratch\nLABEL a=\"b\"\n",
        new TreeMap<>(args),
        new TreeMap<>(labels),
        target,
        600,
        context ? "sha256:" + "a1".repeat(32) : null,
        context ? "sha256:" + "b2".repeat(32) : null);
  }

  private static BuildInputs bare() {
    return inputs(Map.of(), Map.of(), null, false);
  }

  private static String text(Job job) {
    StringBuilder text = new StringBuilder();
    text.append("attempt ").append(job.attempt()).append('\n');
    text.append("kind ").append(job.kind()).append('\n');
    text.append("probe ").append(String.join(" ", job.probe())).append('\n');
    text.append("digest file ").append(job.digestFile()).append('\n');
    for (Job.Step step : job.steps()) {
      text.append(
          "\nstep %s: %d s, %d retries, %d s apart, else %s\n"
              .formatted(
                  step.name(),
                  step.timeoutSeconds(),
                  step.retries(),
                  step.retryDelaySeconds(),
                  step.failureReason()));
      step.argv().forEach(word -> text.append("  ").append(word).append('\n'));
    }
    job.files()
        .forEach(
            (name, content) -> text.append("\nfile ").append(name).append('\n').append(content));
    return text.toString();
  }

  @Test
  void aBuildWithoutAContext() {
    Golden.assertSame(
        "job-build.txt", text(JobRendering.build(ATTEMPT, PLAIN, REPOSITORY, bare())));
  }

  @Test
  void aBuildWithAContext() {
    Golden.assertSame(
        "job-build-context.txt",
        text(
            JobRendering.build(
                ATTEMPT, PLAIN, REPOSITORY, inputs(Map.of(), Map.of(), null, true))));
  }

  @Test
  void aBuildWithArgumentsLabelsAndATarget() {
    Golden.assertSame(
        "job-build-arguments.txt",
        text(
            JobRendering.build(
                ATTEMPT,
                PLAIN,
                REPOSITORY,
                inputs(
                    Map.of("ZETA", "1", "ALPHA", "with space", "MIDDLE", "a=b"),
                    Map.of("org.example.b", "2", "org.example.a", "$HOME;`id`"),
                    "final",
                    false))));
  }

  @Test
  void aBuildForARegistryWithTlsTurnsNothingOff() {
    Job job = JobRendering.build(ATTEMPT, TLS, REPOSITORY, inputs(Map.of(), Map.of(), null, true));
    Golden.assertSame("job-build-tls.txt", text(job));
    assertThat(text(job)).doesNotContain("insecure").doesNotContain("tls-verify");
  }

  @Test
  void aBuildWithACredentialHasItInAFileAndProbesTheTokenServiceToo() {
    CandidateRegistry registry =
        new CandidateRegistry(
            "127.0.0.1:7050",
            true,
            new JobRendering.Credential("{\"auths\":{}}\n", "127.0.0.1:7082"));
    Job job = JobRendering.build(ATTEMPT, registry, REPOSITORY, bare());
    Golden.assertSame("job-build-credential.txt", text(job));
    assertThat(job.steps())
        .allMatch(step -> step.argv().stream().noneMatch(w -> w.contains("auth")));
    assertThat(JobRendering.test(ATTEMPT, registry, List.of("x"), 1).files())
        .containsKey("auth.json");
  }

  @Test
  void aTest() {
    Golden.assertSame(
        "job-test.txt",
        text(
            JobRendering.test(
                ATTEMPT, PLAIN, List.of("grange-smoke", "127.0.0.1:7050/builds/x@sha256:0"), 300)));
  }

  @Test
  void argumentsComeInTheOrderOfTheirNamesWhateverOrderTheyWereGivenIn() {
    List<String> argv =
        JobRendering.build(
                ATTEMPT,
                PLAIN,
                REPOSITORY,
                inputs(Map.of("B", "2", "C", "3", "A", "1"), Map.of(), null, false))
            .steps()
            .getFirst()
            .argv();
    assertThat(argv).containsSubsequence("A=1", "B=2", "C=3");
  }

  @Test
  void whatReachesTheImageNamesNoAttempt() {
    Job job = JobRendering.build(ATTEMPT, PLAIN, REPOSITORY, bare());
    for (Job.Step step : job.steps()) {
      if (!step.name().equals("push")) {
        assertThat(step.argv()).noneMatch(word -> word.contains(ATTEMPT));
      }
    }
    assertThat(job.files().values()).noneMatch(text -> text.contains(ATTEMPT));
  }

  @Test
  void everyStepFailsWithAReasonThatTheFarmKnows() {
    Job build =
        JobRendering.build(ATTEMPT, PLAIN, REPOSITORY, inputs(Map.of(), Map.of(), null, true));
    List<String> codes = Arrays.stream(Reason.values()).map(Reason::code).toList();
    assertThat(build.steps()).allMatch(step -> codes.contains(step.failureReason()));
    assertThat(build.steps()).allMatch(step -> step.timeoutSeconds() > 0);
  }
}
