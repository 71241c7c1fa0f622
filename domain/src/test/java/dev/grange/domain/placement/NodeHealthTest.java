package dev.grange.domain.placement;

import static org.assertj.core.api.Assertions.assertThat;

import dev.grange.domain.placement.NodeHealth.Avoided;
import dev.grange.domain.placement.NodeHealth.End;
import dev.grange.domain.placement.NodeHealth.Past;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

class NodeHealthTest {
  private static final Instant NOW = Instant.parse("2026-01-02T03:00:00Z");

  private static Past bad(String node, int minutesAgo) {
    return new Past(node, End.BAD, "PushFailed", NOW.minusSeconds(60L * minutesAgo));
  }

  private static Past good(String node, int minutesAgo) {
    return new Past(node, End.GOOD, "", NOW.minusSeconds(60L * minutesAgo));
  }

  @Test
  void aNodeWhoseLastThreeAttemptsFailedIsAvoidedWhileOthersSucceed() {
    assertThat(
            NodeHealth.avoided(
                List.of(bad("a", 1), good("b", 2), bad("a", 3), bad("a", 4), good("a", 9))))
        .containsExactly(
            new Avoided("a", 3, "PushFailed", NOW.minusSeconds(240).plusSeconds(1800)));
  }

  @Test
  void twoFailuresAreNotEnough() {
    assertThat(NodeHealth.avoided(List.of(bad("a", 1), good("b", 2), bad("a", 3)))).isEmpty();
  }

  @Test
  void aSuccessSinceMakesANodeGoodAgain() {
    assertThat(
            NodeHealth.avoided(
                List.of(good("a", 1), bad("a", 2), bad("a", 3), bad("a", 4), good("b", 5))))
        .isEmpty();
  }

  @Test
  void whenNothingSucceedsAnywhereItIsNotTheNode() {
    assertThat(NodeHealth.avoided(List.of(bad("a", 1), bad("a", 2), bad("a", 3), bad("b", 3))))
        .isEmpty();
  }

  @Test
  void theOnlyNodeIsNotAvoidedForWhatItDidBefore() {
    assertThat(NodeHealth.avoided(List.of(bad("a", 1), bad("a", 2), bad("a", 3), good("a", 9))))
        .isEmpty();
  }

  @Test
  void withoutAPastNothingIsAvoided() {
    assertThat(NodeHealth.avoided(List.of())).isEmpty();
  }
}
