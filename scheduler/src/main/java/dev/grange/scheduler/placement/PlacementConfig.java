package dev.grange.scheduler.placement;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** How the queue is served. */
@ConfigMapping(prefix = "grange.placement")
public interface PlacementConfig {
  /**
   * How many pods a second are created on one Kubernetes cluster, so that a full queue does not
   * storm its API server. Twice as many may come at once.
   */
  @WithDefault("10")
  int createsPerSecond();

  /**
   * After this time without a slot for any of its kind, what waits goes first once, whatever its
   * project has: no share is so small that it is nothing.
   */
  @WithDefault("10m")
  Duration patience();
}
