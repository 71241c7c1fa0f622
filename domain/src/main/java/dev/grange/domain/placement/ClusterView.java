package dev.grange.domain.placement;

import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What placement needs to know of a cluster.
 *
 * @param closed why it takes no work now; null when it does
 * @param slots how many attempts it takes at once
 * @param used attempts that hold a slot
 * @param weight how much of the work it gets for each slot, compared with the others
 * @param starts how many more may begin in this moment
 * @param pace what limits {@code starts}
 */
public record ClusterView(
    String name,
    @Nullable String closed,
    Set<String> platforms,
    Map<String, String> labels,
    int slots,
    int used,
    int weight,
    int starts,
    Pace pace) {

  /** What limits how many attempts may begin at once. */
  public enum Pace {
    /** Its API server is asked for so many new pods a second and no more. */
    RATE,
    /** It erred; one attempt tries whether it works again before it gets more. */
    TRIAL
  }

  public ClusterView {
    platforms = Set.copyOf(platforms);
    labels = Map.copyOf(labels);
  }

  /** How many it could take of this lane now. */
  public int room(Lane lane) {
    return closed == null && mismatch(lane) == null
        ? Math.max(0, Math.min(slots - used, starts))
        : 0;
  }

  /** Why it will never take this lane, as it is; null when it may. */
  @Nullable String mismatch(Lane lane) {
    if (lane.cluster() != null && !lane.cluster().equals(name)) {
      return "the build asks for " + lane.cluster();
    }
    if (!platforms.contains(lane.platform())) {
      return "does not build for " + lane.platform();
    }
    for (Map.Entry<String, String> label : new TreeMap<>(lane.selector()).entrySet()) {
      if (!label.getValue().equals(labels.get(label.getKey()))) {
        return "has no label " + label.getKey() + "=" + label.getValue();
      }
    }
    return null;
  }
}
