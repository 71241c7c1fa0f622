package dev.grange.events;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * What is told of clusters, on {@link Topic#CLUSTERS}. A cluster is cordoned more than once, so the
 * time is part of each event's id: the database's, as it stands in the cluster's row.
 */
public final class ClusterEvents {
  private ClusterEvents() {}

  /** It was registered, or registered again after it had been removed. */
  public static FarmEvent registered(
      String farm, ClusterFacts cluster, String principal, Instant at) {
    return told(EventType.CLUSTER_REGISTERED, "registered", farm, cluster, principal, null, at)
        .event();
  }

  /**
   * It takes no new work; what runs on it goes on.
   *
   * @param resumeAt when it takes work again by itself; null for never
   */
  public static FarmEvent cordoned(
      String farm,
      ClusterFacts cluster,
      String principal,
      @Nullable String note,
      @Nullable Instant resumeAt,
      Instant at) {
    return told(EventType.CLUSTER_CORDONED, "cordoned", farm, cluster, principal, note, at)
        .customData(data -> CdEvent.orNull(data, "resume_at", resumeAt))
        .event();
  }

  /**
   * It takes no new work, and is to become empty.
   *
   * @param now whether what runs is interrupted and moved at once
   * @param deadline from when on it is; null when it may run to its end
   */
  public static FarmEvent draining(
      String farm,
      ClusterFacts cluster,
      String principal,
      @Nullable String note,
      boolean now,
      @Nullable Instant deadline,
      @Nullable Instant resumeAt,
      Instant at) {
    return told(EventType.CLUSTER_DRAINING, "draining", farm, cluster, principal, note, at)
        .customData(data -> CdEvent.orNull(data, "resume_at", resumeAt))
        .customData(data -> data.put("now", now))
        .customData(data -> CdEvent.orNull(data, "deadline", deadline))
        .event();
  }

  /** Nothing is on it any more. */
  public static FarmEvent drained(
      String farm, ClusterFacts cluster, @Nullable String principal, Instant at) {
    return told(EventType.CLUSTER_DRAINED, "drained", farm, cluster, principal, null, at).event();
  }

  /**
   * It takes work again.
   *
   * @param principal null when it was the farm: the time to resume had come, or the first check
   *     passed
   * @param note why
   */
  public static FarmEvent uncordoned(
      String farm,
      ClusterFacts cluster,
      @Nullable String principal,
      @Nullable String note,
      Instant at) {
    return told(EventType.CLUSTER_UNCORDONED, "uncordoned", farm, cluster, principal, note, at)
        .event();
  }

  /** It is no longer part of the farm. */
  public static FarmEvent removed(
      String farm, ClusterFacts cluster, String principal, @Nullable String note, Instant at) {
    return told(EventType.CLUSTER_REMOVED, "removed", farm, cluster, principal, note, at).event();
  }

  /** It answers, for the first time or again. */
  public static FarmEvent reachable(String farm, ClusterFacts cluster, Instant at) {
    return told(EventType.CLUSTER_REACHABLE, "reachable", farm, cluster, null, null, at).event();
  }

  /**
   * It does not answer.
   *
   * @param why for people
   */
  public static FarmEvent unreachable(String farm, ClusterFacts cluster, String why, Instant at) {
    return told(EventType.CLUSTER_UNREACHABLE, "unreachable", farm, cluster, null, why, at).event();
  }

  private static CdEvent told(
      EventType type,
      String what,
      String farm,
      ClusterFacts cluster,
      @Nullable String principal,
      @Nullable String note,
      Instant at) {
    String name = cluster.name();
    return new CdEvent(type, farm, name + "/cluster." + what + "/" + at, name, name, at)
        .customData(cluster::writeTo)
        .customData(data -> CdEvent.orNull(data, "principal", principal))
        .customData(
            data -> CdEvent.orNull(data, "note", note == null ? null : Failure.bounded(note)));
  }
}
