package dev.grange.scheduler.lease;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** How long a scheduler may be silent before another one takes over. */
@ConfigMapping(prefix = "grange.lease")
public interface LeaseConfig {
  /** The time that a lease holds after it was renewed; it is renewed three times as often. */
  @WithDefault("15s")
  Duration duration();
}
