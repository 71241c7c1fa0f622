package dev.grange.domain.build;

import java.util.Collection;
import java.util.EnumSet;
import java.util.Set;

/** The states of a build, of a platform build and of an execution. */
public enum BuildState {
  QUEUED,
  RUNNING,
  SUCCEEDED,
  FAILED,
  CANCELLED;

  public boolean isTerminal() {
    return switch (this) {
      case QUEUED, RUNNING -> false;
      case SUCCEEDED, FAILED, CANCELLED -> true;
    };
  }

  /** What may follow for a build: once it runs it never waits again. */
  public Set<BuildState> successors() {
    return switch (this) {
      case QUEUED -> EnumSet.of(RUNNING, FAILED, CANCELLED);
      case RUNNING -> EnumSet.of(SUCCEEDED, FAILED, CANCELLED);
      case SUCCEEDED, FAILED, CANCELLED -> EnumSet.noneOf(BuildState.class);
    };
  }

  /**
   * What may follow for a platform build and its execution, which go back to the queue when they
   * are retried or moved.
   */
  public Set<BuildState> platformSuccessors() {
    return switch (this) {
      case QUEUED, SUCCEEDED, FAILED, CANCELLED -> successors();
      case RUNNING -> EnumSet.of(QUEUED, SUCCEEDED, FAILED, CANCELLED);
    };
  }

  /**
   * What a build is when its platform builds are in these states. A build that was asked to stop,
   * or of which one platform failed, ends when the last platform has ended: nothing of it runs on
   * behind its back.
   *
   * @return {@link #RUNNING} as well when all have succeeded: the index is still to be made
   */
  public static BuildState ofPlatforms(Collection<BuildState> platforms) {
    if (!platforms.stream().allMatch(BuildState::isTerminal)) {
      return RUNNING;
    }
    if (platforms.contains(FAILED)) {
      return FAILED;
    }
    return platforms.contains(CANCELLED) ? CANCELLED : RUNNING;
  }
}
