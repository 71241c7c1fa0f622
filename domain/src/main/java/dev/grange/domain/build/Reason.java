package dev.grange.domain.build;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Why an attempt, and with it perhaps a build, did not succeed. The codes are part of the API and
 * of the events.
 *
 * <p>Reasons without a fault are interruptions: the attempt ended through no doing of the build,
 * which costs no try.
 */
public enum Reason {
  CONTAINERFILE_INVALID("ContainerfileInvalid", Fault.USER),
  FETCH_SOURCE_FAILED("FetchSourceFailed", Fault.USER),
  BUILD_FAILED("BuildFailed", Fault.USER),
  TEST_FAILED("TestFailed", Fault.USER),
  IMAGE_TOO_LARGE("ImageTooLarge", Fault.USER),
  STORAGE_LIMIT_EXCEEDED("StorageLimitExceeded", Fault.USER),
  TIMED_OUT("TimedOut", Fault.USER),

  MISSING_SECRET("MissingSecret", Fault.CONFIG),
  REGISTRY_AUTH("RegistryAuth", Fault.CONFIG),
  NO_CLUSTER_FOR_PLATFORM("NoClusterForPlatform", Fault.CONFIG),
  BASE_IMAGE_NOT_FOUND("BaseImageNotFound", Fault.CONFIG),
  WORKER_TOO_OLD("WorkerTooOld", Fault.CONFIG),

  OUT_OF_MEMORY("OutOfMemory", Fault.INFRA),
  DISK_FULL("DiskFull", Fault.INFRA),
  WORKER_IMAGE_PULL("WorkerImagePull", Fault.INFRA),
  PUSH_FAILED("PushFailed", Fault.INFRA),
  CLUSTER_UNREACHABLE("ClusterUnreachable", Fault.INFRA),
  /** The cluster answers and does not run the pod: quota, admission, a missing right, no room. */
  CLUSTER_REFUSED("ClusterRefused", Fault.INFRA),
  NETWORK_UNREACHABLE("NetworkUnreachable", Fault.INFRA),
  QUEUE_TIMED_OUT("QueueTimedOut", Fault.INFRA),
  WORKER_BROKEN("WorkerBroken", Fault.INFRA),

  POD_EVICTED("PodEvicted", null),
  NODE_LOST("NodeLost", null),
  PREEMPTED("Preempted", null),
  DRAINED("Drained", null);

  private final String code;
  private final @Nullable Fault fault;

  Reason(String code, @Nullable Fault fault) {
    this.code = code;
    this.fault = fault;
  }

  /** As the API and the events write it. */
  public String code() {
    return code;
  }

  /** Empty for an interruption. */
  public Optional<Fault> fault() {
    return Optional.ofNullable(fault);
  }

  public boolean isInterruption() {
    return fault == null;
  }

  /** The reason with that code; what nobody knows is the worker's fault, not the submitter's. */
  public static Reason ofCode(String code) {
    for (Reason reason : values()) {
      if (reason.code.equals(code)) {
        return reason;
      }
    }
    return WORKER_BROKEN;
  }
}
