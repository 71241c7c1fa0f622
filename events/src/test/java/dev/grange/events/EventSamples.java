package dev.grange.events;

import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** One event of every kind, always the same: for the tests and for the examples in the docs. */
final class EventSamples {
  static final String FARM = "grange";
  static final Instant AT = Instant.parse("2026-01-02T03:04:05.678901Z");
  static final String INDEX = "sha256:" + "1a".repeat(32);
  static final String AMD64 = "sha256:" + "2b".repeat(32);
  static final String ARM64 = "sha256:" + "3c".repeat(32);
  static final String INPUTS = "sha256:" + "4d".repeat(32);

  static final BuildFacts BUILD =
      new BuildFacts(
          uuid(1),
          "default",
          "hello",
          List.of("latest", "1.2"),
          List.of("linux/amd64", "linux/arm64"),
          "alice",
          false,
          null);
  static final PlatformBuildFacts PLATFORM_BUILD =
      new PlatformBuildFacts(uuid(2), uuid(3), "linux/amd64");
  static final AttemptFacts FIRST =
      new AttemptFacts(uuid(4), 1, "east", "node-7", at(-130), at(-40));
  static final AttemptFacts SECOND = new AttemptFacts(uuid(5), 2, "west", null, at(-5), null);
  static final ImageReference CANDIDATE =
      new ImageReference("127.0.0.1:7050", "builds/" + uuid(1), INDEX);
  static final ReleaseFacts RELEASE =
      new ReleaseFacts(uuid(6), uuid(1), "default", "hello", INDEX, "default", 1);
  static final TestRunFacts TEST = new TestRunFacts(uuid(7), "smoke", "linux/amd64", "");
  static final AttemptFacts TEST_ATTEMPT =
      new AttemptFacts(uuid(8), 1, "east", "node-7", at(-3), at(-2));
  static final UUID PROMOTION = uuid(9);
  static final PromotionTarget TARGET =
      new PromotionTarget(
          uuid(10),
          "stable",
          new ImageReference("127.0.0.1:7051", "default/hello", INDEX),
          List.of("0198c0de", "latest", "1.2"));
  static final PromotionTarget MIRROR =
      new PromotionTarget(
          uuid(11),
          "mirror",
          new ImageReference("mirror.example.com", "default/hello", INDEX),
          List.of("0198c0de", "latest", "1.2"));
  static final Failure USER_FAILURE =
      new Failure("USER", "BuildFailed", "STEP 3/4: RUN make\nmake: *** [all] Error 2");
  static final Failure INFRA_FAILURE =
      new Failure("INFRA", "NetworkUnreachable", "no answer from 127.0.0.1:7050 within 3 s");
  static final Decision WAITING =
      new Decision(
          false,
          "1 of 1 required tests is missing",
          List.of(new Decision.Requirement("smoke", "linux/amd64", "", false, "MISSING", null)));
  static final Decision SATISFIED =
      new Decision(
          true,
          "all required tests have passed",
          List.of(new Decision.Requirement("smoke", "linux/amd64", "", true, "PASSED", null)));

  static final ClusterFacts CLUSTER =
      new ClusterFacts("east", "kubernetes", 8, List.of("linux/amd64"), "ACTIVE");

  private EventSamples() {}

  private static ClusterFacts cluster(String desired) {
    return new ClusterFacts(
        CLUSTER.name(), CLUSTER.kind(), CLUSTER.slots(), CLUSTER.platforms(), desired);
  }

  /** The story of a build, by the names that its steps have in the examples. */
  static Map<String, FarmEvent> all() {
    Map<String, FarmEvent> all = new LinkedHashMap<>();
    all.put("a build is accepted", BuildEvents.queued(FARM, BUILD, at(0)));
    all.put("it is taken on", BuildEvents.started(FARM, BUILD, at(1)));
    all.put(
        "an attempt at one platform begins",
        BuildEvents.platformStarted(FARM, BUILD, PLATFORM_BUILD, FIRST, at(2)));
    all.put(
        "the farm fails it",
        BuildEvents.retried(FARM, BUILD, PLATFORM_BUILD, FIRST, INFRA_FAILURE, at(30), at(3)));
    all.put(
        "an attempt is taken away",
        BuildEvents.interrupted(
            FARM,
            BUILD,
            PLATFORM_BUILD,
            FIRST,
            new Failure("INTERRUPTED", "NodeLost", "node-7 is gone"),
            null,
            at(4)));
    all.put(
        "a platform succeeds",
        BuildEvents.platformSucceeded(FARM, BUILD, PLATFORM_BUILD, SECOND, AMD64, at(5)));
    all.put(
        "a platform fails",
        BuildEvents.platformFailed(FARM, BUILD, PLATFORM_BUILD, FIRST, USER_FAILURE, at(5)));
    all.put(
        "a platform is cancelled before it began",
        BuildEvents.platformCancelled(FARM, BUILD, PLATFORM_BUILD, null, at(5)));
    all.put(
        "the candidate is in its registry",
        BuildEvents.packaged(
            FARM,
            BUILD,
            CANDIDATE,
            Change.ofInputs(FARM, INPUTS),
            List.of(
                new BuildEvents.PlatformImage("linux/amd64", AMD64),
                new BuildEvents.PlatformImage("linux/arm64", ARM64)),
            at(6)));
    all.put("the build succeeds", BuildEvents.succeeded(FARM, BUILD, CANDIDATE, at(6)));
    all.put("a build fails", BuildEvents.failed(FARM, BUILD, USER_FAILURE, at(6)));
    all.put("the farm fails a build", BuildEvents.failed(FARM, BUILD, INFRA_FAILURE, at(6)));
    all.put("a build is cancelled", BuildEvents.cancelled(FARM, BUILD, at(6)));
    all.put("a release opens", ReleaseEvents.opened(FARM, RELEASE, CANDIDATE, at(7)));
    all.put(
        "its policy decides for the first time",
        ReleaseEvents.decisionChanged(FARM, RELEASE, WAITING, null, "opened", at(7)));
    all.put("a test is asked for", ReleaseEvents.testQueued(FARM, RELEASE, TEST, at(7)));
    all.put("it begins", ReleaseEvents.testStarted(FARM, RELEASE, TEST, TEST_ATTEMPT, at(8)));
    all.put(
        "it passes",
        ReleaseEvents.testFinished(
            FARM, RELEASE, TEST, TestOutcome.PASSED, null, TEST_ATTEMPT, at(9)));
    all.put(
        "a test fails",
        ReleaseEvents.testFinished(
            FARM, RELEASE, TEST, TestOutcome.FAILED, "exit status 1", TEST_ATTEMPT, at(9)));
    all.put(
        "the policy is satisfied",
        ReleaseEvents.decisionChanged(
            FARM, RELEASE, SATISFIED, WAITING, TEST.id().toString(), at(10)));
    all.put(
        "the image is at a target",
        ReleaseEvents.published(FARM, RELEASE, PROMOTION, TARGET, at(11)));
    all.put(
        "it is at all of them",
        ReleaseEvents.promotionFinished(
            FARM,
            RELEASE,
            PROMOTION,
            List.of(
                new PromotionTarget.Result(TARGET, PromotionTarget.Outcome.PUBLISHED),
                new PromotionTarget.Result(MIRROR, PromotionTarget.Outcome.UNCHANGED)),
            at(12)));
    all.put(
        "a release is withdrawn",
        ReleaseEvents.withdrawn(FARM, RELEASE, "alice", "the build was cancelled", at(13)));
    all.put(
        "a cluster is registered",
        ClusterEvents.registered(FARM, cluster("CORDONED"), "olga", at(20)));
    all.put("it answers", ClusterEvents.reachable(FARM, cluster("CORDONED"), at(21)));
    all.put(
        "its first check passes",
        ClusterEvents.uncordoned(
            FARM, cluster("ACTIVE"), null, "its first check has passed", at(22)));
    all.put(
        "it is cordoned for an hour",
        ClusterEvents.cordoned(
            FARM, cluster("CORDONED"), "olga", "disks are changed", at(3630), at(30)));
    all.put(
        "it is drained: what runs has ten minutes",
        ClusterEvents.draining(
            FARM, cluster("DRAINING"), "olga", "upgrade", false, at(640), null, at(40)));
    all.put("it is empty", ClusterEvents.drained(FARM, cluster("DRAINING"), "olga", at(500)));
    all.put(
        "it takes work again",
        ClusterEvents.uncordoned(FARM, cluster("ACTIVE"), "olga", null, at(700)));
    all.put(
        "it is lost",
        ClusterEvents.unreachable(FARM, CLUSTER, "no answer from 192.0.2.7:6443", at(800)));
    all.put(
        "it is taken out of the farm",
        ClusterEvents.removed(FARM, cluster("CORDONED"), "olga", "moved to west", at(900)));
    return all;
  }

  static Instant at(int seconds) {
    return AT.plusSeconds(seconds);
  }

  static UUID uuid(int number) {
    return new UUID(0x0198c0de00007000L, 0x8000000000000000L + number);
  }
}
