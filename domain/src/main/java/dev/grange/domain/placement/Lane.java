package dev.grange.domain.placement;

import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Work that may go to the same places and counts for the same project. Within a lane only order
 * tells one piece from another, so placement looks at the heads of lanes and never at the queue,
 * and one reason stands for all that waits in a lane.
 *
 * @param test a test goes first: it finishes what was begun, a build begins something new
 * @param platform such as {@code linux/amd64}
 * @param cluster the only one that may have it; null for any
 * @param selector labels that the cluster must have
 */
public record Lane(
    String project,
    boolean test,
    String platform,
    @Nullable String cluster,
    Map<String, String> selector) {

  public Lane {
    selector = Map.copyOf(selector);
  }

  /** What a cluster must be to take this, in words. */
  String wants() {
    StringBuilder words = new StringBuilder(platform);
    new TreeMap<>(selector).forEach((k, v) -> words.append(", ").append(k).append('=').append(v));
    if (cluster != null) {
      words.append(", only on ").append(cluster);
    }
    return words.toString();
  }
}
