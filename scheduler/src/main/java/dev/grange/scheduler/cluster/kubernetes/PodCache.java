package dev.grange.scheduler.cluster.kubernetes;

import io.fabric8.kubernetes.api.model.Pod;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The farm's pods in one namespace as they were last seen. Lists, watch events and the answers to
 * creates all end here in any order; the newer resource version wins.
 *
 * <p>A pod that is gone is remembered with what was last seen of it, until the farm has removed it
 * or forgets it: the result is in there.
 */
final class PodCache {
  private static final Duration FORGET = Duration.ofMinutes(30);

  /**
   * One pod.
   *
   * @param gone whether its object is there no more
   * @param firstSeen by this scheduler
   * @param trouble the time at which its waiting was first more than slow; null while it is not
   */
  record Seen(
      Pod pod, boolean gone, Instant firstSeen, @Nullable Instant trouble, Instant changed) {
    String uid() {
      return pod.getMetadata().getUid();
    }
  }

  private final Map<String, Seen> pods = new ConcurrentHashMap<>();

  /** UIDs that the farm has deleted and that are still ending. */
  private final Set<String> removed = ConcurrentHashMap.newKeySet();

  private final Clock clock;

  PodCache(Clock clock) {
    this.clock = clock;
  }

  Optional<Seen> get(String name) {
    return Optional.ofNullable(pods.get(name));
  }

  boolean isRemoved(String uid) {
    return removed.contains(uid);
  }

  /** The pods that are there, and that the farm has not removed. */
  List<String> names() {
    return pods.entrySet().stream()
        .filter(entry -> !entry.getValue().gone())
        .map(Map.Entry::getKey)
        .sorted()
        .toList();
  }

  /** Takes what was seen of a pod, unless something newer was. */
  void put(Pod pod) {
    take(pod, false);
  }

  /** The pod's object is gone; {@code pod} is the last of it. */
  void gone(Pod pod) {
    take(pod, true);
    removed.remove(pod.getMetadata().getUid());
  }

  private void take(Pod pod, boolean gone) {
    String uid = pod.getMetadata().getUid();
    if (removed.contains(uid)) {
      return;
    }
    Instant now = clock.instant();
    pods.compute(
        pod.getMetadata().getName(),
        (_, before) -> {
          if (before == null) {
            return new Seen(pod, gone, now, PodReading.isInTrouble(pod) ? now : null, now);
          }
          if (version(pod) < version(before.pod()) || (before.gone() && before.uid().equals(uid))) {
            return before;
          }
          if (!before.uid().equals(uid)) {
            return new Seen(pod, gone, now, PodReading.isInTrouble(pod) ? now : null, now);
          }
          Instant trouble = before.trouble();
          if (!PodReading.isInTrouble(pod)) {
            trouble = null;
          } else if (trouble == null) {
            trouble = now;
          }
          return new Seen(pod, gone, before.firstSeen(), trouble, now);
        });
  }

  /**
   * Takes a whole list: what is not in it and was seen before it was made is gone.
   *
   * @return the names of the pods of which something changed
   */
  Set<String> replace(List<Pod> list, long listVersion) {
    Set<String> changed = new HashSet<>();
    Set<String> uids = new HashSet<>();
    for (Pod pod : list) {
      uids.add(pod.getMetadata().getUid());
      Seen before = pods.get(pod.getMetadata().getName());
      if (before == null || version(before.pod()) < version(pod)) {
        changed.add(pod.getMetadata().getName());
      }
      put(pod);
    }
    Instant forget = clock.instant().minus(FORGET);
    pods.values().removeIf(seen -> seen.gone() && seen.changed().isBefore(forget));
    for (Seen seen : List.copyOf(pods.values())) {
      if (!seen.gone() && !uids.contains(seen.uid()) && version(seen.pod()) <= listVersion) {
        changed.add(seen.pod().getMetadata().getName());
        take(seen.pod(), true);
      }
    }
    removed.retainAll(uids);
    return changed;
  }

  /** The farm has deleted it: it is hidden while it ends. */
  void remove(String name) {
    Seen seen = pods.remove(name);
    if (seen != null && !seen.gone()) {
      removed.add(seen.uid());
    }
  }

  /**
   * Resource versions are numbers that grow, for all that an API server of Kubernetes stores
   * (KEP-5504).
   */
  static long version(Pod pod) {
    return version(pod.getMetadata().getResourceVersion());
  }

  static long version(@Nullable String text) {
    try {
      return text == null || text.isEmpty() ? 0 : Long.parseLong(text);
    } catch (NumberFormatException e) {
      return 0;
    }
  }
}
