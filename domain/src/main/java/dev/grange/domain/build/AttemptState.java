package dev.grange.domain.build;

import java.util.EnumSet;
import java.util.Set;

/**
 * One pod's life. Steps may be skipped, since a fast pod is first seen when it has ended; nothing
 * goes back.
 *
 * <p>{@code ASSIGNED → PREPARED → BUILDING → PUSHING → SUCCEEDED / FAILED / INTERRUPTED /
 * CANCELLED}
 */
public enum AttemptState {
  /** It has a cluster and holds a slot; whether its pod exists is not known. */
  ASSIGNED,
  /** Its pod exists and its UID is recorded. */
  PREPARED,
  /** Its worker runs. */
  BUILDING,
  /** Its worker says that it pushes. For people: nothing is decided by it. */
  PUSHING,
  SUCCEEDED,
  FAILED,
  /** It ended through no doing of the build: evicted, drained, its node lost. */
  INTERRUPTED,
  CANCELLED;

  public boolean isTerminal() {
    return switch (this) {
      case ASSIGNED, PREPARED, BUILDING, PUSHING -> false;
      case SUCCEEDED, FAILED, INTERRUPTED, CANCELLED -> true;
    };
  }

  public boolean canBecome(AttemptState next) {
    return successors().contains(next);
  }

  public Set<AttemptState> successors() {
    return switch (this) {
      case ASSIGNED -> EnumSet.range(PREPARED, CANCELLED);
      case PREPARED -> EnumSet.range(BUILDING, CANCELLED);
      case BUILDING -> EnumSet.range(PUSHING, CANCELLED);
      case PUSHING -> EnumSet.range(SUCCEEDED, CANCELLED);
      case SUCCEEDED, FAILED, INTERRUPTED, CANCELLED -> EnumSet.noneOf(AttemptState.class);
    };
  }
}
