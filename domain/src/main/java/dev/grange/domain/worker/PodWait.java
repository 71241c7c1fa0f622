package dev.grange.domain.worker;

import dev.grange.domain.build.Failure;
import dev.grange.domain.build.Reason;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A pod whose worker has not begun: what it waits for, and when waiting has no sense any more.
 *
 * @param node where it was placed; null while it has no node
 * @param reason why its container waits, such as {@code ImagePullBackOff}, or why the pod has no
 *     node, such as {@code Unschedulable}
 * @param message to it, for people
 * @param event asks for the pod's newest event, if that is a warning; only when it decides, since
 *     that is a call
 * @param since how long it has waited
 */
public record PodWait(
    @Nullable String node,
    @Nullable String reason,
    @Nullable String message,
    Supplier<Optional<Event>> event,
    Duration since) {

  /**
   * A warning about a pod.
   *
   * @param reason such as {@link #FAILED_MOUNT}
   * @param message to it, for people
   */
  public record Event(String reason, String message) {
    /** A Secret or ConfigMap that the pod is to have is not there; said nowhere else. */
    public static final String FAILED_MOUNT = "FailedMount";
  }

  /** How long a registry may be away, or a container may fail to be made. */
  static final Duration TROUBLE = Duration.ofMinutes(1);

  /**
   * The verdict, once it is clear that the worker will not begin.
   *
   * @param limit how long a pod may wait for no known reason: for a node, an image, a volume
   */
  public Optional<Verdict> verdict(Duration limit) {
    Duration trouble = TROUBLE.compareTo(limit) < 0 ? TROUBLE : limit;
    return switch (reason == null ? "" : reason) {
      case "InvalidImageName", "ErrImageNeverPull" -> failed(Reason.WORKER_IMAGE_PULL);
      case "ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable" ->
          after(trouble, Reason.WORKER_IMAGE_PULL);
      case "CreateContainerConfigError", "CreateContainerError", "RunContainerError" ->
          after(trouble, Reason.WORKER_BROKEN);
      case "Unschedulable", "SchedulingGated" -> after(limit, Reason.CLUSTER_REFUSED);
      default -> since.compareTo(limit) < 0 ? Optional.empty() : unexplained();
    };
  }

  /** Whether it waits for the worker's image, and something is wrong with that. */
  public boolean isAboutImage() {
    return verdict(Duration.ZERO)
        .filter(
            verdict ->
                verdict instanceof Verdict.Failed(Failure failure)
                    && failure.reason() == Reason.WORKER_IMAGE_PULL)
        .isPresent();
  }

  private Optional<Verdict> after(Duration limit, Reason why) {
    return since.compareTo(limit) < 0 ? Optional.empty() : failed(why);
  }

  private Optional<Verdict> unexplained() {
    Event warning = event.get().orElse(null);
    Reason why =
        warning != null && warning.reason().equals(Event.FAILED_MOUNT)
            ? Reason.MISSING_SECRET
            : node == null ? Reason.CLUSTER_REFUSED : Reason.WORKER_BROKEN;
    return failed(why, warning);
  }

  private Optional<Verdict> failed(Reason why) {
    return failed(why, null);
  }

  private Optional<Verdict> failed(Reason why, @Nullable Event warning) {
    StringBuilder text = new StringBuilder("its worker did not begin");
    if (node != null) {
      text.append(" on node ").append(node);
    }
    if (reason != null) {
      text.append(": ").append(reason);
    }
    if (message != null && !message.isBlank()) {
      text.append(": ").append(message.strip());
    }
    if (warning != null) {
      text.append(": ").append(warning.reason()).append(": ").append(warning.message().strip());
    }
    return Optional.of(new Verdict.Failed(new Failure(why, text.toString())));
  }
}
