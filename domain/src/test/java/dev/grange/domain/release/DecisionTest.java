package dev.grange.domain.release;

import static org.assertj.core.api.Assertions.assertThat;

import dev.grange.domain.release.Decision.Requirement;
import dev.grange.domain.release.Decision.Result;
import dev.grange.domain.release.Decision.Type;
import dev.grange.domain.release.Policy.TestCase;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class DecisionTest {
  private static final String AMD = "linux/amd64";
  private static final String ARM = "linux/arm64";

  private static Policy policy(TestCase... cases) {
    return new Policy("p", 1, List.of(cases), List.of());
  }

  private static TestCase required(String name) {
    return new TestCase(name, List.of("true"), 60, true);
  }

  private static TestCase optional(String name) {
    return new TestCase(name, List.of("true"), 60, false);
  }

  private static Result result(String test, String platform, TestOutcome outcome) {
    return new Result(test, platform, outcome);
  }

  @Test
  void aRequiredTestWithoutAResultIsMissingAndMissingIsNotPassed() {
    Decision decision = Decision.of(policy(required("smoke")), List.of(AMD), List.of());
    assertThat(decision.policiesSatisfied()).isFalse();
    assertThat(decision.pending()).isTrue();
    assertThat(decision.requirements())
        .containsExactly(new Requirement("smoke", AMD, Type.TEST_RESULT_MISSING));
    assertThat(decision.summary())
        .isEqualTo("1 of 1 required tests not passed: smoke (linux/amd64): queued");
  }

  @ParameterizedTest
  @CsvSource({
    "QUEUED, TEST_RESULT_MISSING, false, true",
    "RUNNING, TEST_RESULT_MISSING, false, true",
    "PASSED, TEST_RESULT_PASSED, true, false",
    "INFO, TEST_RESULT_PASSED, true, false",
    "FAILED, TEST_RESULT_FAILED, false, false",
    "NEEDS_INSPECTION, TEST_RESULT_FAILED, false, false",
    "ERROR, TEST_RESULT_ERRORED, false, false"
  })
  void eachOutcomeCountsAsGreenwaveCountsIt(
      TestOutcome outcome, Type type, boolean satisfied, boolean pending) {
    Decision decision =
        Decision.of(
            policy(required("smoke")), List.of(AMD), List.of(result("smoke", AMD, outcome)));
    assertThat(decision.policiesSatisfied()).isEqualTo(satisfied);
    assertThat(decision.pending()).isEqualTo(pending);
    assertThat(decision.requirements()).containsExactly(new Requirement("smoke", AMD, type));
  }

  @ParameterizedTest
  @EnumSource
  void onlyAnOutcomeThatIsAPassSatisfies(TestOutcome outcome) {
    Decision decision =
        Decision.of(
            policy(required("smoke")), List.of(AMD), List.of(result("smoke", AMD, outcome)));
    assertThat(decision.policiesSatisfied()).isEqualTo(outcome.isPass());
    assertThat(decision.pending()).isEqualTo(!outcome.isFinished());
  }

  @Test
  void aPassOnOnePlatformIsNoPassOnTheOther() {
    Decision decision =
        Decision.of(
            policy(required("smoke")),
            List.of(AMD, ARM),
            List.of(result("smoke", AMD, TestOutcome.PASSED)));
    assertThat(decision.policiesSatisfied()).isFalse();
    assertThat(decision.requirements())
        .containsExactly(
            new Requirement("smoke", AMD, Type.TEST_RESULT_PASSED),
            new Requirement("smoke", ARM, Type.TEST_RESULT_MISSING));
  }

  @Test
  void aFailureIsNotTheLastWordWhileAnotherRequiredTestRuns() {
    Decision decision =
        Decision.of(
            policy(required("a"), required("b")),
            List.of(AMD),
            List.of(result("a", AMD, TestOutcome.FAILED), result("b", AMD, TestOutcome.RUNNING)));
    assertThat(decision.policiesSatisfied()).isFalse();
    assertThat(decision.pending()).isTrue();
  }

  @Test
  void theNewestResultCounts() {
    List<Result> again =
        List.of(result("a", AMD, TestOutcome.FAILED), result("a", AMD, TestOutcome.PASSED));
    Policy policy = policy(required("a"));
    assertThat(Decision.of(policy, List.of(AMD), again).policiesSatisfied()).isTrue();
    assertThat(Decision.of(policy, List.of(AMD), again.reversed()).policiesSatisfied()).isFalse();
  }

  @Test
  void aTestThatIsNotRequiredBlocksNothing() {
    Decision decision =
        Decision.of(
            policy(required("a"), optional("b")),
            List.of(AMD),
            List.of(result("a", AMD, TestOutcome.PASSED), result("b", AMD, TestOutcome.FAILED)));
    assertThat(decision.policiesSatisfied()).isTrue();
    assertThat(decision.summary()).isEqualTo("all 1 required tests passed");
  }

  @Test
  void aPolicyThatRequiresNothingSaysSoInItsOwnWords() {
    Decision decision = Decision.of(policy(optional("b")), List.of(AMD), List.of());
    assertThat(decision.policiesSatisfied()).isTrue();
    assertThat(decision.pending()).isFalse();
    assertThat(decision.summary()).isEqualTo("no tests are required");
  }

  @Test
  void resultsThatNoPolicyAsksForChangeNothing() {
    List<Result> results = new ArrayList<>();
    results.add(result("a", AMD, TestOutcome.PASSED));
    Decision before = Decision.of(policy(required("a")), List.of(AMD), results);
    results.add(result("other", AMD, TestOutcome.FAILED));
    results.add(result("a", "linux/s390x", TestOutcome.FAILED));
    assertThat(Decision.of(policy(required("a")), List.of(AMD), results)).isEqualTo(before);
  }

  @Test
  void theWordsAreGreenwaves() {
    assertThat(List.of(Type.values()))
        .extracting(Type::code)
        .containsExactly(
            "test-result-passed",
            "test-result-missing",
            "test-result-failed",
            "test-result-errored");
  }
}
