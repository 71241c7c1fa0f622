package dev.grange.store.api;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonRawValue;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/** A build as the API shows it, with everything that was done for it. */
@Schema(name = "Build", description = "A submission and everything that was done for it.")
public record BuildView(
    @Schema(examples = "019aa2f0-7d1c-7c3e-9f53-2f6a0c1b2d3e") UUID id,
    @Schema(examples = "default") String project,
    @Schema(description = "Name within the project, without registry and tag.", examples = "hello")
        String image,
    @Schema(description = "The tags that were asked for.", examples = "[\"latest\"]")
        List<String> tags,
    @Schema(examples = "[\"linux/amd64\"]") List<String> platforms,
    @Schema(enumeration = {"QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"}) String state,
    @Schema(description = "Who submitted it.", examples = "local") String principal,
    Instant createdAt,
    @Schema(nullable = true) @Nullable Instant startedAt,
    @Schema(nullable = true) @Nullable Instant finishedAt,
    @Schema(description = "Whether it stays a candidate for ever: no release, no promotion.")
        boolean scratch,
    @Schema(nullable = true, description = "The build that this one repeats.")
        @Nullable UUID retryOf,
    @Schema(nullable = true, description = "Digest of the uploaded context.")
        @Nullable String context,
    @Schema(description = "-100 to 100; higher goes first.") int priority,
    @Schema(
            description =
                "How long it has waited, in the queue and on a cluster, until its workers began: of"
                    + " the platform that waited longest.")
        double queuedSeconds,
    @Schema(description = "How long its workers have run: of the platform that ran longest.")
        double ranSeconds,
    @Schema(description = "How long it may wait for a slot.") int queueLimitSeconds,
    @Schema(description = "How long one attempt may take.") int timeoutSeconds,
    boolean cancelRequested,
    @Schema(nullable = true) @Nullable Failure failure,
    List<PlatformBuild> platformBuilds,
    @Schema(nullable = true) @Nullable Candidate candidate,
    @Schema(nullable = true, description = "Why something of it waits in the queue.")
        @Nullable Waiting waiting,
    @Schema(nullable = true) @Nullable Release release,
    @JsonProperty("final")
        @Schema(
            description =
                "Nothing more happens by itself: failed, cancelled, a scratch build that succeeded,"
                    + " or its release is PROMOTED, WITHDRAWN or BLOCKED.")
        boolean isFinal) {

  /** Why something failed. */
  @Schema(description = "Whose fault, which reason, and the last lines that tell of it.")
  public record Failure(
      @Schema(
              nullable = true,
              enumeration = {"USER", "CONFIG", "INFRA"})
          @Nullable String fault,
      @Schema(examples = "BuildFailed") String reason,
      String message) {}

  /** One platform of a build. */
  @Schema(description = "The build for one platform.")
  public record PlatformBuild(
      @Schema(examples = "linux/amd64") String platform,
      @Schema(enumeration = {"QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"}) String state,
      @Schema(nullable = true) @Nullable String digest,
      @Schema(nullable = true) @Nullable Failure failure,
      @Schema(
              description =
                  "How long it has waited, in the queue and on a cluster, before all its attempts"
                      + " and now.")
          double queuedSeconds,
      @Schema(description = "How long the workers of all its attempts have run.") double ranSeconds,
      List<Attempt> attempts) {}

  /** One worker. */
  @Schema(description = "One worker: a pod, or a process on a local cluster.")
  public record Attempt(
      UUID id,
      @Schema(enumeration = {"BUILD", "TEST"}) String kind,
      @Schema(description = "Counts from 1.") int number,
      String cluster,
      @Schema(nullable = true) @Nullable String node,
      @Schema(
              enumeration = {
                "ASSIGNED",
                "PREPARED",
                "BUILDING",
                "PUSHING",
                "SUCCEEDED",
                "FAILED",
                "INTERRUPTED",
                "CANCELLED"
              })
          String state,
      @Schema(description = "When what it runs was submitted, or came back to the queue.")
          Instant queuedAt,
      Instant assignedAt,
      @Schema(nullable = true) @Nullable Instant buildingAt,
      @Schema(nullable = true) @Nullable Instant pushingAt,
      @Schema(nullable = true) @Nullable Instant finishedAt,
      @Schema(description = "From queued_at until its worker began, or until now.")
          double queuedSeconds,
      @Schema(description = "Since its worker began, or as long as it ran.") double ranSeconds,
      @Schema(nullable = true) @Nullable Failure failure,
      @Schema(nullable = true) @Nullable String digest,
      @Schema(description = "How much of its log is there.") long logBytes,
      @Schema(nullable = true, description = "Its pod, while it is kept for people to look at.")
          @Nullable KeptPod keptPod) {}

  /** A failed attempt's pod that is still in its cluster. */
  @Schema(description = "A failed attempt's pod that is still in its cluster.")
  public record KeptPod(String name, Instant until) {}

  /** What a build made. */
  @Schema(description = "What was built, before any test.")
  public record Candidate(
      @Schema(examples = "127.0.0.1:7050/builds/019aa2f0-…@sha256:…") String pullspec,
      String digest) {}

  /** Why it waits. */
  @Schema(description = "Why the last round of placement left it in the queue.")
  public record Waiting(@Schema(examples = "NoFreeSlot") String reason, String message) {}

  /** From candidate to stable. */
  @Schema(description = "The way of a candidate to the stable registries.")
  public record Release(
      UUID id,
      UUID buildId,
      String project,
      @Schema(enumeration = {"TESTING", "BLOCKED", "PROMOTING", "PROMOTED", "WITHDRAWN"})
          String state,
      String digest,
      @Schema(nullable = true) @Nullable String policy,
      @Schema(nullable = true) @Nullable Integer policyVersion,
      @Schema(
              nullable = true,
              type = SchemaType.OBJECT,
              description = "What the policy decided, and why.")
          @JsonRawValue
          @Nullable String decision,
      Instant openedAt,
      @Schema(nullable = true) @Nullable Instant finishedAt,
      List<Test> tests,
      List<Target> targets) {}

  /** The newest run of a test case on a platform. */
  @Schema(name = "TestRun", description = "The newest run of a test case on a platform.")
  public record Test(
      @Schema(examples = "smoke") String testCase,
      @Schema(examples = "linux/amd64") String platform,
      @Schema(
              enumeration = {
                "QUEUED",
                "RUNNING",
                "PASSED",
                "INFO",
                "FAILED",
                "NEEDS_INSPECTION",
                "ERROR"
              })
          String outcome,
      @Schema(nullable = true) @Nullable String message,
      List<Attempt> attempts) {}

  /** One repository that a release goes to. */
  @Schema(name = "PromotionTarget", description = "One repository that a release goes to.")
  public record Target(
      String registry,
      @Schema(description = "By digest.") String pullspec,
      @Schema(description = "The same by each tag.") List<String> tagPullspecs,
      List<String> tags,
      @Schema(enumeration = {"PENDING", "DONE"}) String state,
      @Schema(
              nullable = true,
              enumeration = {"published", "unchanged"})
          @Nullable String outcome,
      @Schema(nullable = true) @Nullable String lastError) {}
}
