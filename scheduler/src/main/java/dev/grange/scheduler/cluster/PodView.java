package dev.grange.scheduler.cluster;

import org.jspecify.annotations.Nullable;

/**
 * What was seen of one pod.
 *
 * @param uid tells it from another pod of the same name
 * @param phase how far it is
 * @param exit the worker's exit status; null unless it ended, and when nobody saw it
 * @param result what the worker left as its result, at most 4,096 bytes; null when it left none
 */
public record PodView(String uid, Phase phase, @Nullable Integer exit, @Nullable String result) {

  /** How far a pod is. */
  public enum Phase {
    /** It exists; its worker has not begun. */
    WAITING,
    RUNNING,
    /** Its worker has ended. */
    ENDED,
    /** It had begun and is there no more, and nobody saw how it ended. */
    LOST
  }
}
