package dev.grange.events;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a policy says of a release.
 *
 * @param policiesSatisfied whether it may be promoted
 * @param summary one line for people
 * @param requirements all that the policy asks for, met or not
 */
public record Decision(boolean policiesSatisfied, String summary, List<Requirement> requirements) {

  public Decision {
    requirements = List.copyOf(requirements);
  }

  /**
   * One thing that the policy asks for.
   *
   * @param testCase the test that must have passed
   * @param platform for which it must have
   * @param scenario the variant of the test; empty when there is only one
   * @param satisfied whether it is met
   * @param outcome a word of test outcomes ({@code QUEUED} and {@code RUNNING} too), or {@code
   *     MISSING} when there is no result at all
   * @param waiver the id of the waiver that makes it met
   */
  public record Requirement(
      String testCase,
      String platform,
      String scenario,
      boolean satisfied,
      String outcome,
      @Nullable String waiver) {}

  void writeTo(ObjectNode node) {
    node.put("policies_satisfied", policiesSatisfied).put("summary", Failure.bounded(summary));
    ArrayNode array = node.putArray("requirements");
    for (Requirement requirement : requirements) {
      ObjectNode item =
          array
              .addObject()
              .put("test_case", requirement.testCase)
              .put("platform", requirement.platform)
              .put("scenario", requirement.scenario)
              .put("satisfied", requirement.satisfied)
              .put("outcome", requirement.outcome);
      CdEvent.orNull(item, "waiver", requirement.waiver);
    }
  }
}
