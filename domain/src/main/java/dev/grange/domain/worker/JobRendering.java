package dev.grange.domain.worker;

import dev.grange.domain.build.Reason;
import dev.grange.domain.worker.Job.Step;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Renders what a worker runs. A pure function: the same inputs give the same commands, and no
 * command names the build, the attempt or the time in a way that reaches the image.
 *
 * <p>The commands run in {@code work/} of the job's folder, where docs/worker.md says what else
 * lies.
 */
public final class JobRendering {
  private static final String DIGEST_FILE = "digest";
  private static final int FETCH_SECONDS = 1800;
  private static final int PUSH_SECONDS = 1800;
  private static final int RETRIES = 4;
  private static final int RETRY_DELAY_SECONDS = 2;

  private JobRendering() {}

  /**
   * The candidate registry as workers reach it.
   *
   * @param host and port
   * @param plainHttp whether it speaks HTTP without TLS: then, and only for it, tools are told not
   *     to ask for a certificate
   * @param credential of the attempt; null where the registry lets everybody in
   */
  public record CandidateRegistry(String host, boolean plainHttp, @Nullable Credential credential) {
    public CandidateRegistry(String host, boolean plainHttp) {
      this(host, plainHttp, null);
    }

    /** What a worker must be able to reach. */
    List<String> probe() {
      return credential == null ? List.of(host) : List.of(host, credential.tokenService());
    }
  }

  /**
   * What lets a worker into the registry.
   *
   * @param authJson as container tools read it: containers-auth.json(5)
   * @param tokenService {@code host:port} of whoever gives tokens for it
   */
  public record Credential(String authJson, String tokenService) {
    /** A secret is not for messages. */
    @Override
    public String toString() {
      return "Credential[for " + tokenService + "]";
    }
  }

  /**
   * A build: fetch the context if there is one, build, push.
   *
   * @param repository of the attempt: the only one that its result is pushed to
   */
  public static Job build(
      String attempt, CandidateRegistry registry, String repository, BuildInputs inputs) {
    List<Step> steps = new ArrayList<>();
    fetch(steps, registry, inputs);
    steps.add(
        new Step(
            "build", buildah(inputs), inputs.timeoutSeconds(), 0, 1, Reason.BUILD_FAILED.code()));
    steps.add(
        new Step(
            "push",
            List.of(
                "buildah",
                "push",
                "--digestfile",
                DIGEST_FILE,
                "candidate",
                "docker://" + registry.host() + "/" + repository),
            PUSH_SECONDS,
            RETRIES,
            RETRY_DELAY_SECONDS,
            Reason.PUSH_FAILED.code()));
    Map<String, String> files = files(registry);
    files.put("Containerfile", inputs.containerfile());
    return new Job(attempt, "build", registry.probe(), steps, DIGEST_FILE, files);
  }

  public static Job test(
      String attempt, CandidateRegistry registry, List<String> command, int timeoutSeconds) {
    Step step = new Step("test", command, timeoutSeconds, 0, 1, Reason.TEST_FAILED.code());
    return new Job(attempt, "test", registry.probe(), List.of(step), DIGEST_FILE, files(registry));
  }

  private static void fetch(List<Step> steps, CandidateRegistry registry, BuildInputs inputs) {
    String artifact = inputs.contextArtifact();
    String blob = inputs.contextBlob();
    if (artifact == null || blob == null) {
      return;
    }
    // the context is in the farm's own registry: that it cannot be had is not the submitter's fault
    String failure = Reason.NETWORK_UNREACHABLE.code();
    String source =
        "docker://" + registry.host() + "/contexts/" + inputs.project() + "@" + artifact;
    List<String> copy = new ArrayList<>(List.of("skopeo", "copy", "--quiet"));
    if (registry.plainHttp()) {
      // skopeo does not read the worker's registries.conf as buildah does
      copy.add("--src-tls-verify=false");
    }
    copy.addAll(List.of(source, "dir:fetched"));
    steps.add(new Step("fetch", copy, FETCH_SECONDS, RETRIES, RETRY_DELAY_SECONDS, failure));
    steps.add(
        new Step(
            "unpack",
            List.of(
                "tar",
                "--extract",
                "--gzip",
                "--file",
                "fetched/" + blob.substring(blob.indexOf(':') + 1),
                "--directory",
                "context",
                "--no-same-owner",
                "--same-permissions"),
            FETCH_SECONDS,
            0,
            1,
            Reason.WORKER_BROKEN.code()));
  }

  private static List<String> buildah(BuildInputs inputs) {
    List<String> argv =
        new ArrayList<>(
            List.of(
                "buildah",
                "build",
                "--isolation",
                "chroot",
                "--timestamp",
                "0",
                "--identity-label=false",
                "--format",
                "oci",
                "--pull=always",
                "--platform",
                inputs.platform()));
    inputs.args().forEach((name, value) -> argv.addAll(List.of("--build-arg", name + "=" + value)));
    inputs.labels().forEach((name, value) -> argv.addAll(List.of("--label", name + "=" + value)));
    String target = inputs.target();
    if (target != null) {
      argv.addAll(List.of("--target", target));
    }
    argv.addAll(List.of("--file", "../files/Containerfile", "--tag", "candidate", "context"));
    return argv;
  }

  private static Map<String, String> files(CandidateRegistry registry) {
    Map<String, String> files = new LinkedHashMap<>();
    if (registry.plainHttp()) {
      files.put(
          "registries.conf",
          "[[registry]]\nlocation = \"" + registry.host() + "\"\ninsecure = true\n");
    }
    Credential credential = registry.credential();
    if (credential != null) {
      files.put("auth.json", credential.authJson());
    }
    return files;
  }
}
