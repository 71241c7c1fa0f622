package dev.grange.domain.build;

import static dev.grange.domain.build.BuildState.CANCELLED;
import static dev.grange.domain.build.BuildState.FAILED;
import static dev.grange.domain.build.BuildState.QUEUED;
import static dev.grange.domain.build.BuildState.RUNNING;
import static dev.grange.domain.build.BuildState.SUCCEEDED;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class BuildStateTest {
  private static final Map<BuildState, Set<BuildState>> BUILD =
      Map.of(
          QUEUED, Set.of(RUNNING, FAILED, CANCELLED),
          RUNNING, Set.of(SUCCEEDED, FAILED, CANCELLED),
          SUCCEEDED, Set.of(),
          FAILED, Set.of(),
          CANCELLED, Set.of());

  private static final Map<BuildState, Set<BuildState>> PLATFORM =
      Map.of(
          QUEUED, Set.of(RUNNING, FAILED, CANCELLED),
          RUNNING, Set.of(QUEUED, SUCCEEDED, FAILED, CANCELLED),
          SUCCEEDED, Set.of(),
          FAILED, Set.of(),
          CANCELLED, Set.of());

  static Stream<Arguments> pairs() {
    return Stream.of(BuildState.values())
        .flatMap(from -> Stream.of(BuildState.values()).map(to -> Arguments.of(from, to)));
  }

  @ParameterizedTest(name = "build: {0} to {1}")
  @MethodSource("pairs")
  void aBuildTakesItsEdgesAndNoOther(BuildState from, BuildState to) {
    assertThat(from.successors().contains(to)).isEqualTo(BUILD.get(from).contains(to));
  }

  @ParameterizedTest(name = "platform build: {0} to {1}")
  @MethodSource("pairs")
  void aPlatformBuildTakesItsEdgesAndNoOther(BuildState from, BuildState to) {
    assertThat(from.platformSuccessors().contains(to)).isEqualTo(PLATFORM.get(from).contains(to));
  }

  @Test
  void onlyAPlatformBuildGoesBackToTheQueue() {
    assertThat(RUNNING.platformSuccessors()).contains(QUEUED);
    assertThat(RUNNING.successors()).doesNotContain(QUEUED);
  }

  @ParameterizedTest
  @EnumSource
  void aStateIsTerminalExactlyWhenNothingFollows(BuildState state) {
    assertThat(state.isTerminal()).isEqualTo(state.successors().isEmpty());
    assertThat(state.isTerminal()).isEqualTo(state.platformSuccessors().isEmpty());
  }

  @Test
  void aBuildRunsOnUntilItsLastPlatformHasEnded() {
    for (BuildState open : EnumSet.of(QUEUED, RUNNING)) {
      for (BuildState other : BuildState.values()) {
        assertThat(BuildState.ofPlatforms(List.of(open, other))).isEqualTo(RUNNING);
        assertThat(BuildState.ofPlatforms(List.of(other, open))).isEqualTo(RUNNING);
      }
    }
  }

  @Test
  void aBuildWhosePlatformsHaveAllSucceededStillRunsUntilItsIndexIsMade() {
    assertThat(BuildState.ofPlatforms(List.of(SUCCEEDED, SUCCEEDED))).isEqualTo(RUNNING);
  }

  @Test
  void aFailedPlatformOutweighsACancelledOneAndThatASucceededOne() {
    assertThat(BuildState.ofPlatforms(List.of(SUCCEEDED, CANCELLED))).isEqualTo(CANCELLED);
    assertThat(BuildState.ofPlatforms(List.of(CANCELLED, FAILED))).isEqualTo(FAILED);
    assertThat(BuildState.ofPlatforms(List.of(SUCCEEDED, FAILED))).isEqualTo(FAILED);
  }

  @Test
  void theOrderOfThePlatformsDoesNotCount() {
    List<List<BuildState>> triples = new ArrayList<>();
    for (BuildState a : BuildState.values()) {
      for (BuildState b : BuildState.values()) {
        for (BuildState c : BuildState.values()) {
          triples.add(List.of(a, b, c));
        }
      }
    }
    for (List<BuildState> triple : triples) {
      BuildState state = BuildState.ofPlatforms(triple);
      assertThat(BuildState.ofPlatforms(triple.reversed())).isEqualTo(state);
      assertThat(BuildState.ofPlatforms(List.of(triple.get(1), triple.get(2), triple.get(0))))
          .isEqualTo(state);
    }
  }
}
