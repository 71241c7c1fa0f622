package dev.grange.domain.release;

/**
 * How a test run ended, or that it has not. The words are those of ResultsDB, as Greenwave reads
 * them.
 */
public enum TestOutcome {
  QUEUED,
  RUNNING,
  PASSED,
  /** It has something to say and nothing against the image. */
  INFO,
  FAILED,
  NEEDS_INSPECTION,
  /** The test itself did not work: not a pass, and not the image's fault. */
  ERROR;

  public boolean isFinished() {
    return switch (this) {
      case QUEUED, RUNNING -> false;
      case PASSED, INFO, FAILED, NEEDS_INSPECTION, ERROR -> true;
    };
  }

  public boolean isPass() {
    return switch (this) {
      case PASSED, INFO -> true;
      case QUEUED, RUNNING, FAILED, NEEDS_INSPECTION, ERROR -> false;
    };
  }
}
