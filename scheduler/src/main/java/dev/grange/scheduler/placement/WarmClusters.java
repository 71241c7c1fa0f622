package dev.grange.scheduler.placement;

import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;

/**
 * Which clusters were given an image's last builds and so perhaps have its base layers. A hint that
 * only wins ties: it is kept in memory, costs no query, and is learnt anew after a restart.
 */
final class WarmClusters {
  private static final int IMAGES = 10_000;
  private static final int CLUSTERS = 2;

  private final Map<String, Set<String>> byImage =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Set<String>> eldest) {
          return size() > IMAGES;
        }
      };

  synchronized Set<String> of(String image) {
    Set<String> clusters = byImage.get(image);
    return clusters == null ? Set.of() : Set.copyOf(clusters);
  }

  synchronized void built(String image, String cluster) {
    Set<String> clusters = byImage.computeIfAbsent(image, _ -> new LinkedHashSet<>());
    clusters.remove(cluster);
    clusters.add(cluster);
    if (clusters.size() > CLUSTERS) {
      clusters.remove(clusters.iterator().next());
    }
  }
}
