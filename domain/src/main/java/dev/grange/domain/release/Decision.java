package dev.grange.domain.release;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Whether a candidate satisfies a policy, as Greenwave answers it.
 *
 * @param summary a sentence for people
 * @param pending whether a required test is still to end: then "not satisfied" is not the last word
 */
public record Decision(
    boolean policiesSatisfied, boolean pending, String summary, List<Requirement> requirements) {

  /** Greenwave's words for a requirement. */
  public enum Type {
    TEST_RESULT_PASSED("test-result-passed", true),
    TEST_RESULT_MISSING("test-result-missing", false),
    TEST_RESULT_FAILED("test-result-failed", false),
    TEST_RESULT_ERRORED("test-result-errored", false);

    private final String code;
    private final boolean satisfied;

    Type(String code, boolean satisfied) {
      this.code = code;
      this.satisfied = satisfied;
    }

    public String code() {
      return code;
    }

    public boolean isSatisfied() {
      return satisfied;
    }
  }

  public record Requirement(String testCase, String platform, Type type) {}

  /** The newest result of a test case for a platform. */
  public record Result(String testCase, String platform, TestOutcome outcome) {}

  /**
   * Decides. A required test without a result is missing, and missing is not passed: a test service
   * that does not answer is not a pass.
   */
  public static Decision of(Policy policy, List<String> platforms, List<Result> results) {
    List<Requirement> requirements = new ArrayList<>();
    List<String> against = new ArrayList<>();
    int required = 0;
    boolean pending = false;
    for (Policy.TestCase test : policy.testCases()) {
      if (!test.required()) {
        continue;
      }
      for (String platform : platforms) {
        required++;
        TestOutcome outcome =
            results.stream()
                .filter(r -> r.testCase().equals(test.name()) && r.platform().equals(platform))
                .map(Result::outcome)
                .reduce(TestOutcome.QUEUED, (first, second) -> second);
        Type type = typeOf(outcome);
        pending |= !outcome.isFinished();
        requirements.add(new Requirement(test.name(), platform, type));
        if (!type.isSatisfied()) {
          against.add(
              test.name() + " (" + platform + "): " + outcome.name().toLowerCase(Locale.ROOT));
        }
      }
    }
    boolean satisfied = against.isEmpty();
    String summary;
    if (required == 0) {
      summary = "no tests are required";
    } else if (satisfied) {
      summary = "all " + required + " required tests passed";
    } else {
      summary =
          against.size()
              + " of "
              + required
              + " required tests not passed: "
              + String.join(", ", against);
    }
    return new Decision(satisfied, pending, summary, List.copyOf(requirements));
  }

  private static Type typeOf(TestOutcome outcome) {
    return switch (outcome) {
      case QUEUED, RUNNING -> Type.TEST_RESULT_MISSING;
      case PASSED, INFO -> Type.TEST_RESULT_PASSED;
      case FAILED, NEEDS_INSPECTION -> Type.TEST_RESULT_FAILED;
      case ERROR -> Type.TEST_RESULT_ERRORED;
    };
  }
}
