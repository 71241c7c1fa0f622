package dev.grange.events;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What is told of builds, of their platform builds and of their candidates, on {@link
 * Topic#BUILDS}.
 *
 * <p>A build is CDEvents' {@code build}, which knows no outcome: it stands in {@code customData}. A
 * platform build is a {@code taskrun}, whose {@code pipelineRun} is the build.
 */
public final class BuildEvents {
  private BuildEvents() {}

  /** The build was accepted. */
  public static FarmEvent queued(String farm, BuildFacts build, Instant at) {
    return build(EventType.BUILD_QUEUED, "build.queued", farm, build, at).event();
  }

  /** The first of its platform builds was taken on. */
  public static FarmEvent started(String farm, BuildFacts build, Instant at) {
    return build(EventType.BUILD_STARTED, "build.started", farm, build, at).event();
  }

  /** The build ended well: the candidate can be pulled. */
  public static FarmEvent succeeded(
      String farm, BuildFacts build, ImageReference candidate, Instant at) {
    return finished(farm, build, Outcome.SUCCESS, null, candidate, at);
  }

  /** The build ended, and not well. */
  public static FarmEvent failed(String farm, BuildFacts build, Failure failure, Instant at) {
    return finished(farm, build, failure.outcome(), failure, null, at);
  }

  /** Somebody asked for the build's end. */
  public static FarmEvent cancelled(String farm, BuildFacts build, Instant at) {
    return finished(farm, build, Outcome.CANCEL, null, null, at);
  }

  /**
   * An attempt at a platform build began. One for each attempt: a platform build that is retried
   * starts again.
   */
  public static FarmEvent platformStarted(
      String farm,
      BuildFacts build,
      PlatformBuildFacts platformBuild,
      AttemptFacts attempt,
      Instant at) {
    return taskRun(
            EventType.TASKRUN_STARTED,
            "taskrun.started/" + attempt.number(),
            farm,
            build,
            platformBuild,
            at)
        .customData(data -> AttemptFacts.write(data, attempt))
        .event();
  }

  /** A platform build ended well. */
  public static FarmEvent platformSucceeded(
      String farm,
      BuildFacts build,
      PlatformBuildFacts platformBuild,
      AttemptFacts attempt,
      String digest,
      Instant at) {
    return platformFinished(farm, build, platformBuild, attempt, Outcome.SUCCESS, null, digest, at);
  }

  /**
   * A platform build ended for good, and not well.
   *
   * @param attempt the last one; null when it never got as far
   */
  public static FarmEvent platformFailed(
      String farm,
      BuildFacts build,
      PlatformBuildFacts platformBuild,
      @Nullable AttemptFacts attempt,
      Failure failure,
      Instant at) {
    return platformFinished(
        farm, build, platformBuild, attempt, failure.outcome(), failure, null, at);
  }

  /**
   * A platform build ended because its build was cancelled, or because another platform failed.
   *
   * @param attempt the last one; null when it never got as far
   */
  public static FarmEvent platformCancelled(
      String farm,
      BuildFacts build,
      PlatformBuildFacts platformBuild,
      @Nullable AttemptFacts attempt,
      Instant at) {
    return platformFinished(farm, build, platformBuild, attempt, Outcome.CANCEL, null, null, at);
  }

  /**
   * The farm failed an attempt, and the platform build is back in the queue.
   *
   * @param notBefore when it may be placed again; null for at once
   */
  public static FarmEvent retried(
      String farm,
      BuildFacts build,
      PlatformBuildFacts platformBuild,
      AttemptFacts attempt,
      Failure failure,
      @Nullable Instant notBefore,
      Instant at) {
    return execution(
        EventType.EXECUTION_RETRIED,
        "execution.retried/",
        farm,
        build,
        platformBuild,
        attempt,
        failure,
        notBefore,
        at);
  }

  /**
   * An attempt was taken away (evicted, preempted, drained, its node lost): the platform build is
   * back in the queue, and it has cost no try.
   *
   * @param notBefore when it may be placed again; null for at once
   */
  public static FarmEvent interrupted(
      String farm,
      BuildFacts build,
      PlatformBuildFacts platformBuild,
      AttemptFacts attempt,
      Failure failure,
      @Nullable Instant notBefore,
      Instant at) {
    return execution(
        EventType.EXECUTION_INTERRUPTED,
        "execution.interrupted/",
        farm,
        build,
        platformBuild,
        attempt,
        failure,
        notBefore,
        at);
  }

  /**
   * The candidate is in the candidate registry.
   *
   * @param change what it was made from
   * @param images the image of each platform, in the index's order
   */
  public static FarmEvent packaged(
      String farm,
      BuildFacts build,
      ImageReference candidate,
      Change change,
      List<PlatformImage> images,
      Instant at) {
    return new CdEvent(
            EventType.ARTIFACT_PACKAGED,
            farm,
            id(build.id(), "artifact.packaged"),
            build.id().toString(),
            candidate.purl(build.image()),
            at)
        .content(
            content ->
                content.putObject("change").put("id", change.id()).put("source", change.source()))
        .customData(build::writeTo)
        .customData(data -> writeCandidate(data, candidate))
        .customData(
            data -> {
              ArrayNode array = data.putArray("images");
              for (PlatformImage image : images) {
                array.addObject().put("platform", image.platform()).put("digest", image.digest());
              }
            })
        .event();
  }

  /**
   * One platform's part of a candidate.
   *
   * @param platform such as {@code linux/amd64}
   * @param digest of its manifest
   */
  public record PlatformImage(String platform, String digest) {}

  private static FarmEvent finished(
      String farm,
      BuildFacts build,
      Outcome outcome,
      @Nullable Failure failure,
      @Nullable ImageReference candidate,
      Instant at) {
    return build(EventType.BUILD_FINISHED, "build.finished", farm, build, at)
        .content(
            content -> {
              if (candidate != null) {
                content.put("artifactId", candidate.purl(build.image()));
              }
            })
        .customData(data -> data.put("outcome", outcome.word()))
        .customData(data -> CdEvent.failure(data, failure))
        .customData(data -> writeCandidate(data, candidate))
        .event();
  }

  private static FarmEvent platformFinished(
      String farm,
      BuildFacts build,
      PlatformBuildFacts platformBuild,
      @Nullable AttemptFacts attempt,
      Outcome outcome,
      @Nullable Failure failure,
      @Nullable String digest,
      Instant at) {
    return taskRun(EventType.TASKRUN_FINISHED, "taskrun.finished", farm, build, platformBuild, at)
        .content(
            content -> {
              content.put("outcome", outcome.word());
              if (failure != null) {
                content.put("errors", failure.boundedMessage());
              }
            })
        .customData(data -> AttemptFacts.write(data, attempt))
        .customData(data -> data.put("outcome", outcome.word()))
        .customData(data -> CdEvent.failure(data, failure))
        .customData(data -> CdEvent.orNull(data, "digest", digest))
        .event();
  }

  private static CdEvent build(
      EventType type, String what, String farm, BuildFacts build, Instant at) {
    String subject = build.id().toString();
    return new CdEvent(type, farm, id(build.id(), what), subject, subject, at)
        .customData(build::writeTo);
  }

  private static CdEvent taskRun(
      EventType type,
      String what,
      String farm,
      BuildFacts build,
      PlatformBuildFacts platformBuild,
      Instant at) {
    return new CdEvent(
            type,
            farm,
            id(platformBuild.id(), what),
            build.id().toString(),
            platformBuild.id().toString(),
            at)
        .content(
            content ->
                content
                    .put("taskName", "build " + platformBuild.platform())
                    .putObject("pipelineRun")
                    .put("id", build.id().toString())
                    .put("source", CdEvent.source(farm)))
        .customData(build::writeTo)
        .customData(data -> writePlatformBuild(data, platformBuild));
  }

  private static FarmEvent execution(
      EventType type,
      String what,
      String farm,
      BuildFacts build,
      PlatformBuildFacts platformBuild,
      AttemptFacts attempt,
      Failure failure,
      @Nullable Instant notBefore,
      Instant at) {
    // The platform build and not the attempt makes the id: two builds may share the attempt, and
    // each of them tells it under its own key.
    return new CdEvent(
            type,
            farm,
            id(platformBuild.id(), what + attempt.number()),
            build.id().toString(),
            platformBuild.executionId().toString(),
            at)
        .customData(build::writeTo)
        .customData(data -> writePlatformBuild(data, platformBuild))
        .customData(data -> AttemptFacts.write(data, attempt))
        .customData(data -> CdEvent.failure(data, failure))
        .customData(data -> CdEvent.orNull(data, "not_before", notBefore))
        .event();
  }

  private static void writePlatformBuild(ObjectNode data, PlatformBuildFacts platformBuild) {
    data.putObject("platform_build")
        .put("id", platformBuild.id().toString())
        .put("execution_id", platformBuild.executionId().toString())
        .put("platform", platformBuild.platform());
  }

  private static void writeCandidate(ObjectNode data, @Nullable ImageReference candidate) {
    if (candidate == null) {
      data.putNull("candidate");
    } else {
      data.putObject("candidate")
          .put("pullspec", candidate.pullspec())
          .put("digest", candidate.digest());
    }
  }

  private static String id(UUID of, String what) {
    return of + "/" + what;
  }
}
