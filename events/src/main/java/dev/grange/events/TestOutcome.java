package dev.grange.events;

/** How a test ended, in the farm's words and in CDEvents'. */
public enum TestOutcome {
  PASSED(Outcome.SUCCESS),
  /** Ran to its end and judges nothing. */
  INFO(Outcome.SUCCESS),
  FAILED(Outcome.FAILURE),
  /** Somebody has to look; until then it is no pass. */
  NEEDS_INSPECTION(Outcome.FAILURE),
  /** The test itself did not work. */
  ERROR(Outcome.ERROR);

  private final Outcome outcome;

  TestOutcome(Outcome outcome) {
    this.outcome = outcome;
  }

  /** CDEvents' word for it, which is coarser. */
  public Outcome outcome() {
    return outcome;
  }
}
