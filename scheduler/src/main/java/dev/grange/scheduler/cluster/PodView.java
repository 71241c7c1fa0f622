package dev.grange.scheduler.cluster;

import dev.grange.domain.worker.PodEnd;
import dev.grange.domain.worker.PodWait;
import org.jspecify.annotations.Nullable;

/**
 * What was seen of one pod.
 *
 * @param uid tells it from another pod of the same name
 * @param phase how far it is
 * @param exit the worker's exit status; null unless it ended, and when nobody saw it
 * @param result what the worker left as its result, at most 4,096 bytes; null when it left none
 * @param node where it runs; null while it has none
 * @param end of one that has ended or was lost: what its cluster says of it; null where a worker is
 *     a process and there is nobody to ask
 * @param waiting of one that waits: what for; null where that is not known
 */
public record PodView(
    String uid,
    Phase phase,
    @Nullable Integer exit,
    @Nullable String result,
    @Nullable String node,
    @Nullable PodEnd end,
    @Nullable PodWait waiting) {

  /** A pod of which its cluster says no more than how far it is, and where. */
  public PodView(
      String uid,
      Phase phase,
      @Nullable Integer exit,
      @Nullable String result,
      @Nullable String node) {
    this(uid, phase, exit, result, node, null, null);
  }

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
