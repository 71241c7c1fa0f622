package dev.grange.events;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What is told between candidate and stable, on {@link Topic#RELEASES}: tests, decisions,
 * promotions.
 */
public final class ReleaseEvents {
  private ReleaseEvents() {}

  /** A build succeeded, and its candidate is on the way to stable. */
  public static FarmEvent opened(
      String farm, ReleaseFacts release, ImageReference candidate, Instant at) {
    return release(EventType.RELEASE_OPENED, "release.opened", farm, release, at)
        .customData(data -> data.put("candidate", candidate.pullspec()))
        .event();
  }

  /**
   * The release ended without a promotion.
   *
   * @param principal who wanted that; null when it was the farm
   * @param reason for people
   */
  public static FarmEvent withdrawn(
      String farm, ReleaseFacts release, @Nullable String principal, String reason, Instant at) {
    return release(EventType.RELEASE_WITHDRAWN, "release.withdrawn", farm, release, at)
        .customData(data -> CdEvent.orNull(data, "principal", principal))
        .customData(data -> data.put("reason", Failure.bounded(reason)))
        .event();
  }

  /** A test was asked for. Its place is not known yet, so its environment is the farm. */
  public static FarmEvent testQueued(
      String farm, ReleaseFacts release, TestRunFacts test, Instant at) {
    return testRun(
            EventType.TESTSUITERUN_QUEUED, "testsuiterun.queued", farm, release, test, null, at)
        .content(content -> content.putObject("trigger").put("type", "pipeline"))
        .event();
  }

  /** An attempt at a test began. One for each attempt: a test that is retried starts again. */
  public static FarmEvent testStarted(
      String farm, ReleaseFacts release, TestRunFacts test, AttemptFacts attempt, Instant at) {
    return testRun(
            EventType.TESTSUITERUN_STARTED,
            "testsuiterun.started/" + attempt.number(),
            farm,
            release,
            test,
            attempt,
            at)
        .content(content -> content.putObject("trigger").put("type", "pipeline"))
        .event();
  }

  /**
   * A test has its result.
   *
   * @param message for people, such as the last log lines
   * @param attempt the last one; null when it never got as far
   */
  public static FarmEvent testFinished(
      String farm,
      ReleaseFacts release,
      TestRunFacts test,
      TestOutcome outcome,
      @Nullable String message,
      @Nullable AttemptFacts attempt,
      Instant at) {
    String bounded = message == null ? null : Failure.bounded(message);
    return testRun(
            EventType.TESTSUITERUN_FINISHED,
            "testsuiterun.finished",
            farm,
            release,
            test,
            attempt,
            at)
        .content(
            content -> {
              content.put("outcome", outcome.outcome().word());
              if (bounded != null) {
                content.put("reason", bounded);
              }
            })
        .customData(data -> data.put("outcome", outcome.name()))
        .customData(data -> CdEvent.orNull(data, "message", bounded))
        .event();
  }

  /**
   * The policy's decision is another one than before.
   *
   * @param previous null for the first decision
   * @param cause what made it be taken again, a word or a path of the release's own: {@code
   *     opened}, or the id of a test run or of a waiver. It makes the event's id: a decision that
   *     swings back is a fact of its own
   */
  public static FarmEvent decisionChanged(
      String farm,
      ReleaseFacts release,
      Decision decision,
      @Nullable Decision previous,
      String cause,
      Instant at) {
    return release(EventType.DECISION_CHANGED, "decision.changed/" + cause, farm, release, at)
        .customData(data -> data.put("cause", cause))
        .customData(decision::writeTo)
        .customData(
            data -> {
              if (previous == null) {
                data.putNull("previous");
              } else {
                previous.writeTo(data.putObject("previous"));
              }
            })
        .event();
  }

  /**
   * An image is where it was not before. Not for a target that had the digest already: consumers
   * fail on an identical image that is announced again.
   */
  public static FarmEvent published(
      String farm, ReleaseFacts release, UUID promotionId, PromotionTarget target, Instant at) {
    return new CdEvent(
            EventType.ARTIFACT_PUBLISHED,
            farm,
            target.id() + "/artifact.published",
            release.buildId().toString(),
            target.image().purl(release.image()),
            at)
        .customData(release::writeTo)
        .customData(data -> data.put("promotion_id", promotionId.toString()))
        .customData(target::writeTo)
        .event();
  }

  /** The release is at all its targets. */
  public static FarmEvent promotionFinished(
      String farm,
      ReleaseFacts release,
      UUID promotionId,
      List<PromotionTarget.Result> results,
      Instant at) {
    return new CdEvent(
            EventType.PROMOTION_FINISHED,
            farm,
            promotionId + "/promotion.finished",
            release.buildId().toString(),
            promotionId.toString(),
            at)
        .customData(release::writeTo)
        .customData(
            data -> {
              ArrayNode array = data.putArray("targets");
              for (PromotionTarget.Result result : results) {
                ObjectNode node = array.addObject();
                result.target().writeTo(node);
                node.put("outcome", result.outcome().word());
              }
            })
        .event();
  }

  private static CdEvent release(
      EventType type, String what, String farm, ReleaseFacts release, Instant at) {
    String subject = release.id().toString();
    return new CdEvent(type, farm, subject + "/" + what, release.buildId().toString(), subject, at)
        .customData(release::writeTo);
  }

  private static CdEvent testRun(
      EventType type,
      String what,
      String farm,
      ReleaseFacts release,
      TestRunFacts test,
      @Nullable AttemptFacts attempt,
      Instant at) {
    return new CdEvent(
            type,
            farm,
            test.id() + "/" + what,
            release.buildId().toString(),
            test.id().toString(),
            at)
        .content(
            content -> {
              content
                  .putObject("environment")
                  .put("id", attempt == null ? farm : attempt.cluster())
                  .put("source", CdEvent.source(farm));
              content
                  .putObject("testSuite")
                  .put("id", test.testCase())
                  .put("name", test.testCase());
            })
        .customData(release::writeTo)
        .customData(
            data ->
                data.putObject("test")
                    .put("id", test.id().toString())
                    .put("test_case", test.testCase())
                    .put("platform", test.platform())
                    .put("scenario", test.scenario()))
        .customData(data -> AttemptFacts.write(data, attempt));
  }
}
