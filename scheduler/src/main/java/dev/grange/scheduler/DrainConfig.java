package dev.grange.scheduler;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** What happens at SIGTERM. */
@ConfigMapping(prefix = "grange.drain")
public interface DrainConfig {
  /** How long attempts that run may take to end by themselves. */
  @WithDefault("20s")
  Duration patience();
}
