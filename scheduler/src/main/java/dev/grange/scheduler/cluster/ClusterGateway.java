package dev.grange.scheduler.cluster;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;

/**
 * What the farm needs from a cluster. Every method may be repeated, and what it does is named by
 * the attempt: whoever asks twice, or does not hear the answer and asks again, gets the same pod.
 * All kinds pass one contract suite.
 */
public interface ClusterGateway {

  /**
   * Makes sure that the attempt has its pod, and says which one it is.
   *
   * @param request "already exists" is success when the pod is the attempt's
   * @return the pod's UID: once it is recorded, no other is believed
   * @throws ClusterException when it is not known whether the pod exists, or it cannot
   */
  String ensure(PodRequest request) throws ClusterException;

  /**
   * What can be seen of a pod now.
   *
   * @return empty when there is none
   */
  Optional<PodView> see(String podName) throws ClusterException;

  /**
   * The next part of a pod's log.
   *
   * @param position that an earlier part has named; empty for the beginning
   * @param limit at most so many bytes
   * @return empty when there is nothing more now
   */
  LogChunk log(String podName, String position, int limit) throws ClusterException;

  /**
   * Ends a pod's worker: by SIGTERM, and by SIGKILL after the grace. Returns before it has ended.
   */
  void stop(String podName, Duration grace) throws ClusterException;

  /**
   * Removes a pod and all that it has stored, whether it runs or not. Nothing to remove is success.
   */
  void remove(String podName) throws ClusterException;

  /**
   * As {@link #remove}, of a pod that has ended and that nobody waits for: where a call costs
   * something it may be done some seconds later, together with others. A scheduler that dies before
   * has forgotten it, and whoever sweeps next finds it among {@link #pods}.
   */
  default void discard(String podName) throws ClusterException {
    remove(podName);
  }

  /** The pods that carry the farm's mark, but for those that are removed or discarded. */
  List<String> pods() throws ClusterException;

  /**
   * Calls {@code listener} with a pod's name when something about it may have changed: its log
   * grew, it ended. May call for nothing and may miss something.
   */
  void watch(Consumer<String> listener);

  /**
   * Looks whether the cluster can do what the farm needs of it, and says what is missing. May take
   * as long as a pod takes to start and end. What cannot be reached is a finding, not an exception.
   *
   * @param found called with each finding as soon as it is known
   */
  ClusterReport check(Consumer<ClusterReport.Finding> found);

  /** Whether a pod's worker runs as soon as it is made. */
  default boolean startsAtOnce() {
    return true;
  }

  /** How long a pod that failed stays, for people to look at. */
  default Duration keepFailed() {
    return Duration.ZERO;
  }

  /** The name of an attempt's pod. */
  static String podName(UUID attempt) {
    return "grange-" + attempt;
  }
}
