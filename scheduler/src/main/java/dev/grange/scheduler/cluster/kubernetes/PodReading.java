package dev.grange.scheduler.cluster.kubernetes;

import dev.grange.domain.worker.PodEnd;
import dev.grange.domain.worker.PodWait;
import dev.grange.scheduler.cluster.PodView;
import dev.grange.scheduler.cluster.PodView.Phase;
import io.fabric8.kubernetes.api.model.ContainerState;
import io.fabric8.kubernetes.api.model.ContainerStateTerminated;
import io.fabric8.kubernetes.api.model.ContainerStatus;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodCondition;
import io.fabric8.kubernetes.api.model.PodStatus;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Reads what the farm needs to know out of a pod's object. A pure function. */
final class PodReading {
  private static final int MAX_RESULT_CHARACTERS = 4096;
  private static final Set<String> SLOW = Set.of("ContainerCreating", "PodInitializing");

  /**
   * So long after the time at which it should have ended, a pod that is being deleted still may be
   * ended by its kubelet. Its own node may be slow, and the clocks of cluster and farm may differ.
   */
  private static final Duration ENDING = Duration.ofSeconds(30);

  private PodReading() {}

  /**
   * What is seen of it.
   *
   * @param warning asks for the pod's newest event, if that is a warning
   */
  static PodView view(PodCache.Seen seen, Instant now, Supplier<Optional<PodWait.Event>> warning) {
    Pod pod = seen.pod();
    PodStatus status = pod.getStatus();
    String uid = seen.uid();
    String node = pod.getSpec() == null ? null : pod.getSpec().getNodeName();
    ContainerStateTerminated ended = terminated(pod);
    boolean deleted = seen.gone() || pod.getMetadata().getDeletionTimestamp() != null;
    String phase = status == null ? null : status.getPhase();
    boolean over =
        ended != null
            || "Failed".equals(phase)
            || "Succeeded".equals(phase)
            || seen.gone()
            || isOverdue(pod, now);
    if (over) {
      PodEnd end =
          new PodEnd(
              status == null ? null : status.getReason(),
              status == null ? null : status.getMessage(),
              disruption(status),
              ended == null ? null : ended.getExitCode(),
              ended == null ? null : ended.getReason(),
              deleted);
      return new PodView(
          uid,
          ended == null ? Phase.LOST : Phase.ENDED,
          end.exit(),
          result(ended),
          node,
          end,
          null);
    }
    ContainerState state = state(pod);
    if (state != null && state.getRunning() != null) {
      return new PodView(uid, Phase.RUNNING, null, null, node, null, null);
    }
    Instant trouble = seen.trouble();
    Instant since = trouble == null ? seen.firstSeen() : trouble;
    PodWait wait =
        new PodWait(node, reason(pod), message(pod), warning, Duration.between(since, now));
    return new PodView(uid, Phase.WAITING, null, null, node, null, wait);
  }

  /** What it waits for, however long it has. */
  static PodWait waiting(Pod pod) {
    return new PodWait(null, reason(pod), message(pod), Optional::empty, Duration.ZERO);
  }

  /** Whether the pod waits for something that may never come. */
  static boolean isInTrouble(Pod pod) {
    String reason = reason(pod);
    return reason != null && !SLOW.contains(reason);
  }

  /** Whether its worker has begun, so that there is a log. */
  static boolean hasBegun(Pod pod) {
    ContainerState state = state(pod);
    return state != null && (state.getRunning() != null || state.getTerminated() != null);
  }

  static boolean hasEnded(Pod pod) {
    return terminated(pod) != null;
  }

  /** Its kubelet had all the time that it should need to end it, and has not said so. */
  private static boolean isOverdue(Pod pod, Instant now) {
    String deletion = pod.getMetadata().getDeletionTimestamp();
    if (deletion == null) {
      return false;
    }
    try {
      return OffsetDateTime.parse(deletion).toInstant().plus(ENDING).isBefore(now);
    } catch (DateTimeParseException e) {
      return false;
    }
  }

  private static @Nullable ContainerState state(Pod pod) {
    PodStatus status = pod.getStatus();
    if (status == null || status.getContainerStatuses() == null) {
      return null;
    }
    for (ContainerStatus container : status.getContainerStatuses()) {
      if (PodRendering.CONTAINER.equals(container.getName())) {
        return container.getState();
      }
    }
    return null;
  }

  static @Nullable ContainerStateTerminated terminated(Pod pod) {
    ContainerState state = state(pod);
    return state == null ? null : state.getTerminated();
  }

  private static @Nullable String result(@Nullable ContainerStateTerminated ended) {
    String message = ended == null ? null : ended.getMessage();
    if (message == null || message.isBlank()) {
      return null;
    }
    return message.length() > MAX_RESULT_CHARACTERS
        ? message.substring(0, MAX_RESULT_CHARACTERS)
        : message;
  }

  private static @Nullable PodCondition condition(@Nullable PodStatus status, String type) {
    if (status == null || status.getConditions() == null) {
      return null;
    }
    return status.getConditions().stream()
        .filter(condition -> type.equals(condition.getType()))
        .findFirst()
        .orElse(null);
  }

  private static @Nullable String disruption(@Nullable PodStatus status) {
    PodCondition target = condition(status, "DisruptionTarget");
    if (target == null || !"True".equals(target.getStatus())) {
      return null;
    }
    return target.getReason() == null ? "" : target.getReason();
  }

  private static @Nullable PodCondition notScheduled(Pod pod) {
    PodCondition scheduled = condition(pod.getStatus(), "PodScheduled");
    return scheduled != null && "False".equals(scheduled.getStatus()) ? scheduled : null;
  }

  private static @Nullable String reason(Pod pod) {
    PodCondition scheduled = notScheduled(pod);
    if (scheduled != null) {
      return scheduled.getReason();
    }
    ContainerState state = state(pod);
    return state == null || state.getWaiting() == null ? null : state.getWaiting().getReason();
  }

  private static @Nullable String message(Pod pod) {
    PodCondition scheduled = notScheduled(pod);
    if (scheduled != null) {
      return scheduled.getMessage();
    }
    ContainerState state = state(pod);
    return state == null || state.getWaiting() == null ? null : state.getWaiting().getMessage();
  }
}
