package dev.grange.domain.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.grange.domain.build.Failure;
import dev.grange.domain.build.Reason;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** Every way in which a pod can die, or not come to life. */
class PodEndTest {
  private static final String DIGEST = "sha256:" + "a".repeat(64);
  private static final Duration LIMIT = Duration.ofMinutes(5);
  private static final WorkerResult PUSHED = new WorkerResult(true, DIGEST, null, null, null, null);
  private static final WorkerResult BROKEN =
      new WorkerResult(false, null, "build", "BuildFailed", 2, "no such file");
  private static final WorkerResult TOLD_TO_STOP =
      new WorkerResult(false, null, "build", "Interrupted", 143, "");

  private static PodEnd ended(Integer exit, String containerReason) {
    return new PodEnd(null, null, null, exit, containerReason, false);
  }

  private static PodEnd disrupted(String why) {
    return new PodEnd(null, null, why, 143, "Error", true);
  }

  private static PodEnd failedPod(String reason, String disruption) {
    return new PodEnd(reason, "a message", disruption, 137, "Error", false);
  }

  private static Reason failed(Verdict verdict) {
    assertThat(verdict).isInstanceOf(Verdict.Failed.class);
    return ((Verdict.Failed) verdict).failure().reason();
  }

  private static Reason interrupted(Verdict verdict) {
    assertThat(verdict).isInstanceOf(Verdict.Interrupted.class);
    return ((Verdict.Interrupted) verdict).failure().reason();
  }

  @Test
  void aWorkerThatPushedHasSucceeded() {
    assertThat(ended(0, "Completed").verdict(true, PUSHED))
        .isEqualTo(new Verdict.Succeeded(DIGEST));
  }

  @Test
  void aWorkerThatPushedAndWasThenTakenAwayHasSucceeded() {
    PodEnd end = new PodEnd(null, null, "EvictionByEvictionAPI", 0, "Completed", true);
    assertThat(end.verdict(true, PUSHED)).isEqualTo(new Verdict.Succeeded(DIGEST));
  }

  @Test
  void anErrorOfTheUserIsTheUsers() {
    assertThat(failed(ended(2, "Error").verdict(true, BROKEN))).isEqualTo(Reason.BUILD_FAILED);
  }

  @Test
  void aBuildThatFailedBeforeItsPodWasEvictedHasFailed() {
    assertThat(failed(disrupted("EvictionByEvictionAPI").verdict(true, BROKEN)))
        .isEqualTo(Reason.BUILD_FAILED);
  }

  @Test
  void anEvictionThroughTheApiIsAnInterruption() {
    assertThat(interrupted(disrupted("EvictionByEvictionAPI").verdict(true, TOLD_TO_STOP)))
        .isEqualTo(Reason.POD_EVICTED);
  }

  @Test
  void anEvictionByAnUnknownHandIsAnInterruption() {
    assertThat(interrupted(disrupted("SomethingNew").verdict(true, null)))
        .isEqualTo(Reason.POD_EVICTED);
  }

  @Test
  void anEvictionFromANodeThatIsShortOfSomethingIsAnInterruption() {
    assertThat(interrupted(failedPod("Evicted", "TerminationByKubelet").verdict(true, null)))
        .isEqualTo(Reason.POD_EVICTED);
  }

  @Test
  void aNodeThatShutsDownInterrupts() {
    assertThat(interrupted(failedPod("Terminated", "TerminationByKubelet").verdict(true, null)))
        .isEqualTo(Reason.POD_EVICTED);
  }

  @Test
  void aPodThatOutgrewItsOwnStorageLimitLooksEvictedAndIsNot() {
    assertThat(failed(failedPod("Evicted", null).verdict(true, null)))
        .isEqualTo(Reason.STORAGE_LIMIT_EXCEEDED);
    assertThat(failed(failedPod("Evicted", null).verdict(true, TOLD_TO_STOP)))
        .isEqualTo(Reason.STORAGE_LIMIT_EXCEEDED);
  }

  @Test
  void preemptionIsAnInterruption() {
    assertThat(interrupted(disrupted("PreemptionByScheduler").verdict(true, TOLD_TO_STOP)))
        .isEqualTo(Reason.PREEMPTED);
  }

  @Test
  void preemptionByTheKubeletIsAnInterruption() {
    assertThat(interrupted(failedPod("Preempting", null).verdict(true, null)))
        .isEqualTo(Reason.PREEMPTED);
  }

  @Test
  void aLostNodeIsAnInterruption() {
    assertThat(interrupted(disrupted("DeletionByTaintManager").verdict(true, null)))
        .isEqualTo(Reason.NODE_LOST);
    assertThat(
            interrupted(new PodEnd("NodeLost", null, null, null, null, true).verdict(true, null)))
        .isEqualTo(Reason.NODE_LOST);
  }

  @Test
  void aNodeThatIsRemovedIsLost() {
    assertThat(interrupted(disrupted("DeletionByPodGC").verdict(true, null)))
        .isEqualTo(Reason.NODE_LOST);
  }

  @Test
  void aNodeThatComesBackAndDoesNotKnowTheContainerAnyMoreWasLost() {
    assertThat(interrupted(ended(137, "ContainerStatusUnknown").verdict(true, null)))
        .isEqualTo(Reason.NODE_LOST);
  }

  @Test
  void aWorkerThatTheKernelKilledForItsMemoryIsOutOfMemory() {
    assertThat(failed(ended(137, "OOMKilled").verdict(true, null))).isEqualTo(Reason.OUT_OF_MEMORY);
  }

  @Test
  void aDeadlineThatTheKubeletKeptIsATimeout() {
    assertThat(failed(failedPod("DeadlineExceeded", null).verdict(true, TOLD_TO_STOP)))
        .isEqualTo(Reason.TIMED_OUT);
  }

  @Test
  void aContainerThatCouldNotBeStartedIsABrokenWorker() {
    assertThat(failed(ended(128, "StartError").verdict(true, null)))
        .isEqualTo(Reason.WORKER_BROKEN);
  }

  @Test
  void aPodThatTheKubeletDidNotTakeWasRefused() {
    PodEnd end = new PodEnd("OutOfcpu", "Node didn't have enough cpu", null, null, null, false);
    assertThat(failed(end.verdict(true, null))).isEqualTo(Reason.CLUSTER_REFUSED);
  }

  @Test
  void aPodThatSomebodyDeletedIsAnInterruption() {
    assertThat(
            interrupted(
                new PodEnd(null, null, null, 143, "Error", true).verdict(true, TOLD_TO_STOP)))
        .isEqualTo(Reason.POD_EVICTED);
    assertThat(interrupted(new PodEnd(null, null, null, null, null, true).verdict(true, null)))
        .isEqualTo(Reason.POD_EVICTED);
  }

  @Test
  void aPodThatIsGoneAndOfWhichNothingWasSeenIsLost() {
    assertThat(interrupted(new PodEnd(null, null, null, null, null, false).verdict(true, null)))
        .isEqualTo(Reason.NODE_LOST);
  }

  @Test
  void aWorkerThatEndedWithoutAResultIsBroken() {
    assertThat(failed(ended(1, "Error").verdict(true, null))).isEqualTo(Reason.WORKER_BROKEN);
  }

  @Test
  void aTestThatFailedSaysSomethingAgainstTheImage() {
    WorkerResult result = new WorkerResult(false, null, "test", "TestFailed", 1, "");
    assertThat(failed(ended(1, "Error").verdict(false, result))).isEqualTo(Reason.TEST_FAILED);
  }

  private static PodWait waits(String node, String reason, String event, Duration since) {
    return new PodWait(
        node,
        reason,
        null,
        () ->
            Optional.ofNullable(event)
                .map(seen -> new PodWait.Event(seen, "secret \"login\" not found")),
        since);
  }

  @Test
  void anImageThatCannotBePulledIsWaitedForAMinute() {
    assertThat(waits("n1", "ErrImagePull", null, Duration.ofSeconds(59)).verdict(LIMIT)).isEmpty();
    assertThat(
            failed(
                waits("n1", "ImagePullBackOff", null, Duration.ofSeconds(60))
                    .verdict(LIMIT)
                    .orElseThrow()))
        .isEqualTo(Reason.WORKER_IMAGE_PULL);
  }

  @Test
  void whatIsWrongWithTheImageIsAboutTheImageHoweverShortItHasBeen() {
    for (String reason : List.of("ErrImagePull", "ImagePullBackOff", "InvalidImageName")) {
      assertThat(waits("n1", reason, null, Duration.ZERO).isAboutImage()).as(reason).isTrue();
    }
    for (String reason : List.of("ContainerCreating", "CreateContainerError", "Unschedulable")) {
      assertThat(waits(null, reason, null, LIMIT).isAboutImage()).as(reason).isFalse();
    }
    assertThat(waits("n1", null, "FailedMount", LIMIT).isAboutImage()).isFalse();
  }

  @Test
  void anImageNameThatIsNoneIsNotWaitedFor() {
    assertThat(
            failed(
                waits("n1", "InvalidImageName", null, Duration.ZERO).verdict(LIMIT).orElseThrow()))
        .isEqualTo(Reason.WORKER_IMAGE_PULL);
  }

  @Test
  void aContainerThatCannotBeMadeIsABrokenWorkerAfterAMinute() {
    for (String reason :
        new String[] {"CreateContainerError", "CreateContainerConfigError", "RunContainerError"}) {
      assertThat(waits("n1", reason, null, Duration.ofSeconds(59)).verdict(LIMIT)).isEmpty();
      assertThat(
              failed(waits("n1", reason, null, Duration.ofMinutes(1)).verdict(LIMIT).orElseThrow()))
          .isEqualTo(Reason.WORKER_BROKEN);
    }
  }

  @Test
  void aPodThatFitsNowhereIsRefusedAfterTheLimit() {
    assertThat(waits(null, "Unschedulable", null, LIMIT.minusSeconds(1)).verdict(LIMIT)).isEmpty();
    assertThat(failed(waits(null, "Unschedulable", null, LIMIT).verdict(LIMIT).orElseThrow()))
        .isEqualTo(Reason.CLUSTER_REFUSED);
  }

  @Test
  void aClusterThatDoesNotEvenTryToPlaceAPodRefusesIt() {
    assertThat(failed(waits(null, null, null, LIMIT).verdict(LIMIT).orElseThrow()))
        .isEqualTo(Reason.CLUSTER_REFUSED);
  }

  @Test
  void aSecretThatIsMissingIsNamed() {
    Verdict verdict =
        waits("n1", "ContainerCreating", "FailedMount", LIMIT).verdict(LIMIT).orElseThrow();
    assertThat(failed(verdict)).isEqualTo(Reason.MISSING_SECRET);
    Failure failure = ((Verdict.Failed) verdict).failure();
    assertThat(failure.message())
        .isEqualTo(
            "its worker did not begin on node n1: ContainerCreating: FailedMount: secret \"login\""
                + " not found");
  }

  @Test
  void whatWarningThereIsIsAskedForOnlyWhenItDecides() {
    AtomicInteger asked = new AtomicInteger();
    Supplier<Optional<PodWait.Event>> event =
        () -> {
          asked.incrementAndGet();
          return Optional.of(new PodWait.Event("FailedMount", "not found"));
        };
    assertThat(new PodWait("n1", null, null, event, LIMIT.minusSeconds(1)).verdict(LIMIT))
        .isEmpty();
    assertThat(new PodWait("n1", "ErrImagePull", null, event, LIMIT).verdict(LIMIT)).isPresent();
    assertThat(asked).hasValue(0);
    assertThat(new PodWait("n1", null, null, event, LIMIT).verdict(LIMIT)).isPresent();
    assertThat(asked).hasValue(1);
  }

  @Test
  void aContainerThatIsNotMadeForNoKnownReasonIsABrokenWorkerAfterTheLimit() {
    assertThat(waits("n1", "ContainerCreating", null, Duration.ofMinutes(4)).verdict(LIMIT))
        .isEmpty();
    assertThat(failed(waits("n1", "ContainerCreating", null, LIMIT).verdict(LIMIT).orElseThrow()))
        .isEqualTo(Reason.WORKER_BROKEN);
  }

  @Test
  void aShorterLimitHoldsForEverything() {
    Duration limit = Duration.ofSeconds(10);
    assertThat(waits("n1", "ErrImagePull", null, limit).verdict(limit)).isPresent();
  }
}
