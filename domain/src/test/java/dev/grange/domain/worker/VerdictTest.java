package dev.grange.domain.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.grange.domain.build.Failure;
import dev.grange.domain.build.Reason;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;
import org.junit.jupiter.params.provider.ValueSource;

class VerdictTest {
  private static final String DIGEST = "sha256:" + "ab".repeat(32);
  private static final boolean BUILD = true;
  private static final boolean TEST = false;

  private static WorkerResult success(String digest) {
    return new WorkerResult(true, digest, null, null, null, null);
  }

  private static WorkerResult failed(String step, String reason, Integer exit, String message) {
    return new WorkerResult(false, null, step, reason, exit, message);
  }

  private static Failure failure(Verdict verdict) {
    return switch (verdict) {
      case Verdict.Failed f -> f.failure();
      case Verdict.Interrupted i -> i.failure();
      case Verdict.Succeeded s -> throw new AssertionError(s);
    };
  }

  private static void assertFailed(Verdict verdict, Reason reason) {
    assertThat(verdict).isInstanceOf(Verdict.Failed.class);
    assertThat(failure(verdict).reason()).isEqualTo(reason);
    assertThat(failure(verdict).message()).isNotBlank().doesNotContain("null");
  }

  private static void assertInterrupted(Verdict verdict, Reason reason) {
    assertThat(verdict).isInstanceOf(Verdict.Interrupted.class);
    assertThat(failure(verdict).reason()).isEqualTo(reason);
    assertThat(failure(verdict).message()).isNotBlank().doesNotContain("null");
  }

  @Test
  void aBuildThatNamesItsDigestHasSucceeded() {
    assertThat(Verdict.of(BUILD, 0, success(DIGEST))).isEqualTo(new Verdict.Succeeded(DIGEST));
  }

  @Test
  void aBuildWhoseExitNobodySawHasSucceededWhenItsResultSaysSo() {
    assertThat(Verdict.of(BUILD, null, success(DIGEST))).isEqualTo(new Verdict.Succeeded(DIGEST));
  }

  @Test
  void aTestNeedsNoDigestAndGetsNone() {
    assertThat(Verdict.of(TEST, 0, success(null))).isEqualTo(new Verdict.Succeeded(null));
    assertThat(Verdict.of(TEST, 0, success(DIGEST))).isEqualTo(new Verdict.Succeeded(null));
  }

  @Test
  void aBuildThatNamesNoDigestIsABrokenWorker() {
    assertFailed(Verdict.of(BUILD, 0, success(null)), Reason.WORKER_BROKEN);
  }

  @Test
  void aSuccessWithAnotherExitStatusThanZeroIsABrokenWorker() {
    assertFailed(Verdict.of(BUILD, 1, success(DIGEST)), Reason.WORKER_BROKEN);
    assertFailed(Verdict.of(TEST, 1, success(null)), Reason.WORKER_BROKEN);
  }

  @Test
  void aWorkerThatWasKilledWithoutAWordWasLost() {
    assertInterrupted(Verdict.of(BUILD, 137, null), Reason.NODE_LOST);
    assertInterrupted(Verdict.of(TEST, 137, null), Reason.NODE_LOST);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 69, 126, 127, 139, 143})
  void aWorkerThatEndedOtherwiseWithoutAWordIsBroken(int exit) {
    assertFailed(Verdict.of(BUILD, exit, null), Reason.WORKER_BROKEN);
  }

  @Test
  void aWorkerThatEndedUnseenAndWithoutAWordIsBroken() {
    assertFailed(Verdict.of(BUILD, null, null), Reason.WORKER_BROKEN);
  }

  @Test
  void aPodThatIsThereNoMoreWasLost() {
    assertInterrupted(Verdict.lost(), Reason.NODE_LOST);
  }

  @Test
  void aWorkerThatWasToldToStopIsInterruptedAndCostsNoTry() {
    assertInterrupted(
        Verdict.of(BUILD, 143, failed("build", "Interrupted", 143, "x")), Reason.DRAINED);
  }

  @ParameterizedTest
  @CsvSource({
    "build, BuildFailed, BUILD_FAILED",
    "build, TimedOut, TIMED_OUT",
    "build, OutOfMemory, OUT_OF_MEMORY",
    "build, DiskFull, DISK_FULL",
    "push, PushFailed, PUSH_FAILED",
    "probe, NetworkUnreachable, NETWORK_UNREACHABLE",
    "fetch, NetworkUnreachable, NETWORK_UNREACHABLE",
    "unpack, WorkerBroken, WORKER_BROKEN",
    "job, InvalidJob, WORKER_BROKEN"
  })
  void aStepThatFailedHasTheReasonThatTheEntrypointFound(String step, String code, Reason reason) {
    assertFailed(Verdict.of(BUILD, 1, failed(step, code, 1, "log")), reason);
  }

  @Test
  void aFailedResultIsBelievedWhateverTheExitStatus() {
    assertFailed(Verdict.of(BUILD, 0, failed("build", "BuildFailed", 7, "x")), Reason.BUILD_FAILED);
    assertFailed(
        Verdict.of(BUILD, null, failed("build", "BuildFailed", 7, "x")), Reason.BUILD_FAILED);
  }

  @ParameterizedTest
  @EnumSource(
      value = Reason.class,
      names = {"POD_EVICTED", "NODE_LOST", "PREEMPTED", "DRAINED"},
      mode = Mode.INCLUDE)
  void aWorkerCannotGiveItselfFreeTries(Reason interruption) {
    assertFailed(
        Verdict.of(BUILD, 1, failed("build", interruption.code(), 1, "x")), Reason.WORKER_BROKEN);
  }

  @Test
  void aFailureWithoutAReasonOrAnUnknownOneIsABrokenWorker() {
    assertFailed(Verdict.of(BUILD, 1, failed("build", null, 1, "x")), Reason.WORKER_BROKEN);
    assertFailed(Verdict.of(BUILD, 1, failed("build", "Whatever", 1, "x")), Reason.WORKER_BROKEN);
    assertFailed(Verdict.of(BUILD, 1, failed(null, null, null, null)), Reason.WORKER_BROKEN);
  }

  @Test
  void aTestThatFailedSaysSomethingAgainstTheImage() {
    assertFailed(Verdict.of(TEST, 1, failed("test", "TestFailed", 1, "x")), Reason.TEST_FAILED);
  }

  @Test
  void aTestWhoseCommandNeverRanSaysNothingAgainstTheImage() {
    assertFailed(
        Verdict.of(TEST, 125, failed("test", "TestFailed", 125, "x")), Reason.WORKER_BROKEN);
  }

  @Test
  void oneHundredAndTwentyFiveMeansNothingSpecialInABuild() {
    assertFailed(
        Verdict.of(BUILD, 125, failed("build", "BuildFailed", 125, "x")), Reason.BUILD_FAILED);
  }

  @Test
  void theMessageNamesTheStepItsStatusAndTheEndOfTheLog() {
    Verdict verdict = Verdict.of(BUILD, 7, failed("build", "BuildFailed", 7, " no such file \n"));
    assertThat(failure(verdict).message())
        .isEqualTo("build failed with exit status 7:\nno such file");
    assertThat(failure(Verdict.of(BUILD, 7, failed("build", "TimedOut", null, " "))).message())
        .isEqualTo("build failed");
  }
}
