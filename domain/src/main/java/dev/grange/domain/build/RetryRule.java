package dev.grange.domain.build;

import java.time.Duration;

/**
 * What follows an attempt that did not succeed. Only INFRA is tried again by itself: bounded and
 * with backoff. An interruption costs no try and is bounded by itself, so that a build that kills
 * its nodes ends.
 *
 * @param maxTries attempts that may end with INFRA before the build does
 * @param maxInterruptions interruptions after which the build ends as INFRA
 * @param firstDelay the wait before the second try; each further one doubles it
 * @param maxDelay the longest wait
 */
public record RetryRule(
    int maxTries, int maxInterruptions, Duration firstDelay, Duration maxDelay) {

  /** What to do. */
  public sealed interface Next {
    /**
     * Back to the queue.
     *
     * @param delay before it may be placed again; jitter is the caller's
     */
    record Again(Duration delay, int tries, int interruptions) implements Next {}

    /** The failure stands. */
    record Final(Fault fault, Failure failure) implements Next {}
  }

  public Next after(Failure failure, int triesBefore, int interruptionsBefore) {
    Fault fault = failure.reason().fault().orElse(null);
    if (fault == null) {
      int interruptions = interruptionsBefore + 1;
      if (interruptions > maxInterruptions) {
        return new Next.Final(
            Fault.INFRA,
            new Failure(
                failure.reason(),
                "interrupted " + interruptions + " times, at last: " + failure.message()));
      }
      return new Next.Again(Duration.ZERO, triesBefore, interruptions);
    }
    int tries = triesBefore + 1;
    return switch (fault) {
      case USER, CONFIG -> new Next.Final(fault, failure);
      case INFRA ->
          tries >= maxTries
              ? new Next.Final(fault, failure)
              : new Next.Again(delay(tries), tries, interruptionsBefore);
    };
  }

  private Duration delay(int tries) {
    Duration delay = firstDelay.multipliedBy(1L << Math.min(tries - 1, 20));
    return delay.compareTo(maxDelay) > 0 ? maxDelay : delay;
  }
}
