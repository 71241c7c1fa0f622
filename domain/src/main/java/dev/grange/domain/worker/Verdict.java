package dev.grange.domain.worker;

import dev.grange.domain.build.Failure;
import dev.grange.domain.build.Reason;
import org.jspecify.annotations.Nullable;

/** What an attempt's end means. */
public sealed interface Verdict {
  /**
   * It did what it was told.
   *
   * @param digest of the image; null for a test
   */
  record Succeeded(@Nullable String digest) implements Verdict {}

  /** It did not. */
  record Failed(Failure failure) implements Verdict {}

  /** Its worker was taken away. */
  record Interrupted(Failure failure) implements Verdict {}

  /** What the entrypoint calls a job that was ended by SIGTERM. */
  String INTERRUPTED = "Interrupted";

  /**
   * What runners of commands (docker run, podman run, grange-smoke) exit with when it did not come
   * to the command.
   */
  int DID_NOT_RUN = 125;

  /** A pod that had begun and is there no more. */
  static Verdict lost() {
    return new Interrupted(new Failure(Reason.NODE_LOST, "the worker is gone and left no result"));
  }

  /**
   * The meaning of a worker's end.
   *
   * @param build whether an image is expected
   * @param exit the worker's exit status; null when nobody saw it
   * @param result null when it left none, or none that can be read
   */
  static Verdict of(boolean build, @Nullable Integer exit, @Nullable WorkerResult result) {
    if (result == null) {
      // 128 + SIGKILL, and nothing was written: the kernel or a person killed the whole worker
      return exit != null && exit == 137
          ? new Interrupted(
              new Failure(Reason.NODE_LOST, "the worker was killed and left no result"))
          : new Failed(
              new Failure(
                  Reason.WORKER_BROKEN,
                  exit == null
                      ? "the worker ended unseen and left no result"
                      : "the worker ended with " + exit + " and left no result"));
    }
    if (result.succeeded() && (exit == null || exit == 0)) {
      if (build && result.digest() == null) {
        return new Failed(
            new Failure(
                Reason.WORKER_BROKEN, "the worker says that it succeeded and names no digest"));
      }
      return new Succeeded(build ? result.digest() : null);
    }
    if (result.succeeded()) {
      return new Failed(
          new Failure(
              Reason.WORKER_BROKEN,
              "the worker says that it succeeded and ended with exit status " + exit));
    }
    if (INTERRUPTED.equals(result.reason())) {
      return new Interrupted(new Failure(Reason.DRAINED, "the worker was told to stop"));
    }
    Reason reason = result.reason() == null ? Reason.WORKER_BROKEN : Reason.ofCode(result.reason());
    if (reason.isInterruption()) {
      // a worker cannot give itself free tries
      reason = Reason.WORKER_BROKEN;
    }
    if (!build
        && reason == Reason.TEST_FAILED
        && result.exit() != null
        && result.exit() == DID_NOT_RUN) {
      reason = Reason.WORKER_BROKEN;
    }
    String log = result.message() == null ? "" : result.message().strip();
    String what =
        (result.step() == null ? "the worker" : result.step())
            + " failed"
            + (result.exit() == null ? "" : " with exit status " + result.exit());
    return new Failed(new Failure(reason, log.isEmpty() ? what : what + ":\n" + log));
  }
}
