package dev.grange.domain.placement;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ClusterStateTest {
  private static final Instant AT = Instant.parse("2026-01-02T03:04:05.678Z");

  private static ClusterState state(String desired, @Nullable Boolean reachable, boolean held) {
    return new ClusterState(desired, "ann", "new disk", reachable, AT, null, held);
  }

  @Test
  void aClusterThatIsActiveReachableAndHeldTakesWork() {
    assertThat(state("ACTIVE", true, true).closed()).isNull();
  }

  @Test
  void whoCordonedItAndWhyIsSaid() {
    assertThat(state("CORDONED", true, true).closed()).isEqualTo("is cordoned by ann: new disk");
    assertThat(state("DRAINING", false, false).closed())
        .isEqualTo("is being drained by ann: new disk");
    assertThat(new ClusterState("CORDONED", null, null, true, AT, null, true).closed())
        .isEqualTo("is cordoned until its first check passes");
    assertThat(new ClusterState("CORDONED", "ann", null, true, AT, null, true).closed())
        .isEqualTo("is cordoned by ann");
  }

  @Test
  void sinceWhenItCannotBeReachedIsSaid() {
    assertThat(new ClusterState("ACTIVE", null, null, false, AT, null, true).closed())
        .isEqualTo("cannot be reached since 2026-01-02T03:04:05Z");
    assertThat(state("ACTIVE", null, true).closed()).isEqualTo("nobody has reached it yet");
  }

  @Test
  void aClusterThatNobodyLooksAfterIsSaidSo() {
    assertThat(state("ACTIVE", true, false).closed()).isEqualTo("no scheduler looks after it now");
  }

  @Test
  void aClusterThatErredSaysUntilWhenItIsLeftAlone() {
    assertThat(new ClusterState("ACTIVE", null, null, true, AT, AT, true).closed())
        .isEqualTo("erred and gets no work before 2026-01-02T03:04:05Z");
  }
}
