package dev.grange.domain.worker;

import dev.grange.domain.build.Failure;
import dev.grange.domain.build.Reason;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What was seen of a pod at its end, and what that means. Nothing is matched on a message: what
 * tells one death from another are the words that Kubernetes documents for programs.
 *
 * @param reason of the pod's status, such as {@code Evicted}; null when it has none
 * @param message of the pod's status, for people
 * @param disruption the reason of its condition {@code DisruptionTarget} while that is true; null
 *     otherwise
 * @param exit the worker's exit status; null unless its container was seen terminated
 * @param containerReason of the terminated container, such as {@code OOMKilled}
 * @param deleted whether somebody or something has deleted the pod
 */
public record PodEnd(
    @Nullable String reason,
    @Nullable String message,
    @Nullable String disruption,
    @Nullable Integer exit,
    @Nullable String containerReason,
    boolean deleted) {

  /**
   * What it means.
   *
   * @param build whether an image is expected
   * @param result what the worker left; null when it left none
   */
  public Verdict verdict(boolean build, @Nullable WorkerResult result) {
    if (result != null && result.succeeded() && Objects.equals(exit, 0)) {
      // whatever came for it afterwards, its work was done
      return Verdict.of(build, exit, result);
    }
    if (reason != null) {
      Verdict byKubelet = ofReason(reason);
      if (byKubelet != null) {
        return byKubelet;
      }
    }
    if (result != null && exit != null && !isInterrupted(result)) {
      // it failed by itself, before anybody could take it away
      return Verdict.of(build, exit, result);
    }
    if (disruption != null) {
      return ofDisruption(disruption);
    }
    if (containerReason != null) {
      Verdict byRuntime = ofContainer(containerReason);
      if (byRuntime != null) {
        return byRuntime;
      }
    }
    if (deleted) {
      return interrupted(Reason.POD_EVICTED, "somebody deleted the pod");
    }
    if (reason != null && exit == null) {
      // such as OutOfcpu, NodeAffinity, UnexpectedAdmissionError: the kubelet did not take it
      return failed(Reason.CLUSTER_REFUSED, "the node did not take the pod: " + reason);
    }
    return exit == null ? Verdict.lost() : Verdict.of(build, exit, result);
  }

  private static boolean isInterrupted(WorkerResult result) {
    return Verdict.INTERRUPTED.equals(result.reason());
  }

  private @Nullable Verdict ofReason(String why) {
    return switch (why) {
      // The kubelet's eviction manager sets DisruptionTarget when the node is short of something,
      // and not when the pod has outgrown a limit of its own (since Kubernetes 1.26).
      case "Evicted" ->
          disruption == null
              ? failed(Reason.STORAGE_LIMIT_EXCEEDED, "it needed more storage than it may use")
              : interrupted(Reason.POD_EVICTED, "its node was short of something");
      case "DeadlineExceeded" ->
          failed(Reason.TIMED_OUT, "it ran longer than it may: give it more time, or less to do");
      case "NodeLost" -> interrupted(Reason.NODE_LOST, "its node was lost");
      case "Preempting" ->
          interrupted(Reason.PREEMPTED, "its node needed the room for something more important");
      default -> null;
    };
  }

  private Verdict ofDisruption(String why) {
    return switch (why) {
      case "PreemptionByScheduler" ->
          interrupted(Reason.PREEMPTED, "something more important needed its room");
      case "DeletionByTaintManager" ->
          interrupted(Reason.NODE_LOST, "its node was lost or is no longer for it");
      case "DeletionByPodGC" -> interrupted(Reason.NODE_LOST, "its node is gone");
      case "EvictionByEvictionAPI" -> interrupted(Reason.POD_EVICTED, "the pod was evicted");
      case "TerminationByKubelet" ->
          interrupted(Reason.POD_EVICTED, "its node was shut down or short of something");
      default -> interrupted(Reason.POD_EVICTED, "the pod was taken away: " + why);
    };
  }

  private @Nullable Verdict ofContainer(String why) {
    return switch (why) {
      case "OOMKilled" ->
          failed(Reason.OUT_OF_MEMORY, "it needed more memory than its pod may use");
      case "ContainerStatusUnknown" ->
          interrupted(Reason.NODE_LOST, "its node does not know any more how it ended");
      case "StartError", "ContainerCannotRun" ->
          failed(Reason.WORKER_BROKEN, "its container could not be started");
      default -> null;
    };
  }

  private Verdict failed(Reason why, String sentence) {
    return new Verdict.Failed(new Failure(why, withMessage(sentence)));
  }

  private Verdict interrupted(Reason why, String sentence) {
    return new Verdict.Interrupted(new Failure(why, withMessage(sentence)));
  }

  private String withMessage(String sentence) {
    return message == null || message.isBlank() ? sentence : sentence + ": " + message.strip();
  }
}
