package dev.grange.domain.build;

import static org.assertj.core.api.Assertions.assertThat;

import dev.grange.domain.build.RetryRule.Next;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class RetryRuleTest {
  private static final RetryRule RULE =
      new RetryRule(3, 10, Duration.ofSeconds(5), Duration.ofMinutes(5));

  private static Failure failure(Reason reason) {
    return new Failure(reason, "why");
  }

  @ParameterizedTest
  @EnumSource
  void onlyInfrastructureAndInterruptionsAreTriedAgain(Reason reason) {
    Next next = RULE.after(failure(reason), 0, 0);
    Fault fault = reason.fault().orElse(Fault.INFRA);
    switch (fault) {
      case USER, CONFIG -> assertThat(next).isEqualTo(new Next.Final(fault, failure(reason)));
      case INFRA -> assertThat(next).isInstanceOf(Next.Again.class);
    }
  }

  @Test
  void theThirdTryIsTheLast() {
    Failure push = failure(Reason.PUSH_FAILED);
    assertThat(RULE.after(push, 0, 0)).isEqualTo(new Next.Again(Duration.ofSeconds(5), 1, 0));
    assertThat(RULE.after(push, 1, 0)).isEqualTo(new Next.Again(Duration.ofSeconds(10), 2, 0));
    assertThat(RULE.after(push, 2, 0)).isEqualTo(new Next.Final(Fault.INFRA, push));
  }

  @Test
  void theDelayDoublesUpToItsBoundAndNeverOverflows() {
    RetryRule patient =
        new RetryRule(Integer.MAX_VALUE, 10, Duration.ofSeconds(5), Duration.ofMinutes(5));
    Duration before = Duration.ZERO;
    for (int tries = 0; tries < 200; tries++) {
      Next.Again again = (Next.Again) patient.after(failure(Reason.DISK_FULL), tries, 0);
      assertThat(again.delay()).isBetween(before, Duration.ofMinutes(5));
      before = again.delay();
    }
    assertThat(before).isEqualTo(Duration.ofMinutes(5));
  }

  @Test
  void anInterruptionCostsNoTryAndNoTime() {
    assertThat(RULE.after(failure(Reason.NODE_LOST), 2, 0))
        .isEqualTo(new Next.Again(Duration.ZERO, 2, 1));
  }

  @Test
  void tenInterruptionsAreForgivenAndTheEleventhEndsAsTheFarmsFault() {
    assertThat(RULE.after(failure(Reason.POD_EVICTED), 0, 9))
        .isEqualTo(new Next.Again(Duration.ZERO, 0, 10));
    Next.Final last = (Next.Final) RULE.after(failure(Reason.POD_EVICTED), 0, 10);
    assertThat(last.fault()).isEqualTo(Fault.INFRA);
    assertThat(last.failure().reason()).isEqualTo(Reason.POD_EVICTED);
    assertThat(last.failure().message()).isEqualTo("interrupted 11 times, at last: why");
  }

  @Test
  void interruptionsDoNotForgiveTriesNorTriesInterruptions() {
    assertThat(RULE.after(failure(Reason.OUT_OF_MEMORY), 1, 7))
        .isEqualTo(new Next.Again(Duration.ofSeconds(10), 2, 7));
  }

  @Test
  void whateverHappensItEnds() {
    int tries = 0;
    int interruptions = 0;
    int rounds = 0;
    Reason[] bad = {Reason.NODE_LOST, Reason.PUSH_FAILED};
    while (RULE.after(failure(bad[rounds % 2]), tries, interruptions) instanceof Next.Again again) {
      tries = again.tries();
      interruptions = again.interruptions();
      rounds++;
      assertThat(rounds).isLessThan(3 + 10);
    }
  }
}
