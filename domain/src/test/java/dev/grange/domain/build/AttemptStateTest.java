package dev.grange.domain.build;

import static dev.grange.domain.build.AttemptState.ASSIGNED;
import static dev.grange.domain.build.AttemptState.BUILDING;
import static dev.grange.domain.build.AttemptState.CANCELLED;
import static dev.grange.domain.build.AttemptState.FAILED;
import static dev.grange.domain.build.AttemptState.INTERRUPTED;
import static dev.grange.domain.build.AttemptState.PREPARED;
import static dev.grange.domain.build.AttemptState.PUSHING;
import static dev.grange.domain.build.AttemptState.SUCCEEDED;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class AttemptStateTest {

  /** Written out by hand: the code says it in ranges, and a range hides a state that was added. */
  private static final Map<AttemptState, Set<AttemptState>> EDGES =
      Map.of(
          ASSIGNED, Set.of(PREPARED, BUILDING, PUSHING, SUCCEEDED, FAILED, INTERRUPTED, CANCELLED),
          PREPARED, Set.of(BUILDING, PUSHING, SUCCEEDED, FAILED, INTERRUPTED, CANCELLED),
          BUILDING, Set.of(PUSHING, SUCCEEDED, FAILED, INTERRUPTED, CANCELLED),
          PUSHING, Set.of(SUCCEEDED, FAILED, INTERRUPTED, CANCELLED),
          SUCCEEDED, Set.of(),
          FAILED, Set.of(),
          INTERRUPTED, Set.of(),
          CANCELLED, Set.of());

  private static Stream<Arguments> pairs(boolean legal) {
    return Stream.of(AttemptState.values())
        .flatMap(from -> Stream.of(AttemptState.values()).map(to -> Arguments.of(from, to)))
        .filter(pair -> EDGES.get(pair.get()[0]).contains((AttemptState) pair.get()[1]) == legal);
  }

  static Stream<Arguments> edges() {
    return pairs(true);
  }

  static Stream<Arguments> illegalPairs() {
    return pairs(false);
  }

  @ParameterizedTest(name = "{0} may become {1}")
  @MethodSource("edges")
  void anEdgeIsTaken(AttemptState from, AttemptState to) {
    assertThat(from.canBecome(to)).isTrue();
  }

  @ParameterizedTest(name = "{0} may not become {1}")
  @MethodSource("illegalPairs")
  void anIllegalPairIsRefused(AttemptState from, AttemptState to) {
    assertThat(from.canBecome(to)).isFalse();
  }

  @Test
  void thereAreTwentyTwoEdgesAndFortyTwoIllegalPairs() {
    assertThat(edges()).hasSize(22);
    assertThat(illegalPairs()).hasSize(42);
  }

  @ParameterizedTest
  @EnumSource
  void aStateIsTerminalExactlyWhenNothingFollows(AttemptState state) {
    assertThat(state.isTerminal()).isEqualTo(state.successors().isEmpty());
  }

  @ParameterizedTest
  @EnumSource
  void everyStateThatIsNotTerminalCanEndInEveryWayAtOnce(AttemptState state) {
    if (!state.isTerminal()) {
      assertThat(state.successors()).contains(SUCCEEDED, FAILED, INTERRUPTED, CANCELLED);
    }
  }

  @Test
  void nothingGoesBack() {
    for (AttemptState from : AttemptState.values()) {
      assertThat(from.successors()).allMatch(to -> to.ordinal() > from.ordinal());
    }
  }
}
