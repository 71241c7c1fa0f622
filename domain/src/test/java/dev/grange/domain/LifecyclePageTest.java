package dev.grange.domain;

import dev.grange.domain.build.AttemptState;
import dev.grange.domain.build.BuildState;
import dev.grange.domain.build.Fault;
import dev.grange.domain.build.Reason;
import java.util.Arrays;
import java.util.Collection;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** docs/lifecycle.md shows what the code does, because its diagrams are made from the code. */
class LifecyclePageTest {
  private static final String PAGE = "lifecycle.md";

  @Test
  void theDiagramOfABuildIsTheCodes() {
    Golden.assertSameInPage(
        PAGE,
        "build",
        diagram(BuildState.values(), BuildState::successors, BuildState::isTerminal));
  }

  @Test
  void theDiagramOfAPlatformBuildIsTheCodes() {
    Golden.assertSameInPage(
        PAGE,
        "platform build",
        diagram(BuildState.values(), BuildState::platformSuccessors, BuildState::isTerminal));
  }

  @Test
  void theDiagramOfAnAttemptIsTheCodes() {
    Golden.assertSameInPage(
        PAGE,
        "attempt",
        diagram(AttemptState.values(), AttemptState::successors, AttemptState::isTerminal));
  }

  @Test
  void theTableOfReasonsIsTheCodes() {
    StringBuilder table = new StringBuilder("| fault | reasons | then |\n| --- | --- | --- |\n");
    for (Fault fault : Fault.values()) {
      String then =
          switch (fault) {
            case USER, CONFIG -> "the failure stands";
            case INFRA -> "tried again: bounded, with backoff, first on another cluster";
          };
      row(table, fault.name(), r -> r.fault().filter(fault::equals).isPresent(), then);
    }
    row(
        table,
        "none: an interruption",
        Reason::isInterruption,
        "tried again at once, and costs no try; too many end as INFRA");
    Golden.assertSameInPage(PAGE, "reasons", table.toString());
  }

  private static void row(StringBuilder table, String fault, Predicate<Reason> which, String then) {
    table
        .append("| ")
        .append(fault)
        .append(" | ")
        .append(
            Arrays.stream(Reason.values())
                .filter(which)
                .map(Reason::code)
                .collect(Collectors.joining(", ")))
        .append(" | ")
        .append(then)
        .append(" |\n");
  }

  private static <S extends Enum<S>> String diagram(
      S[] states, Function<S, Collection<S>> successors, Predicate<S> terminal) {
    StringBuilder diagram = new StringBuilder("```mermaid\nstateDiagram-v2\n");
    diagram.append("    [*] --> ").append(states[0]).append('\n');
    for (S state : states) {
      for (S next : successors.apply(state)) {
        diagram.append("    ").append(state).append(" --> ").append(next).append('\n');
      }
    }
    for (S state : states) {
      if (terminal.test(state)) {
        diagram.append("    ").append(state).append(" --> [*]\n");
      }
    }
    return diagram.append("```\n").toString();
  }
}
