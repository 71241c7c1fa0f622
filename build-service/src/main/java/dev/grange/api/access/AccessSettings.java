package dev.grange.api.access;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** How tokens are looked up. */
@ConfigMapping(prefix = "grange.access")
public interface AccessSettings {

  /** How long a token that was found is believed, and so how long a revoked one still works. */
  @WithDefault("10s")
  Duration cacheFor();

  /** How many tokens are remembered at once. */
  @WithDefault("10000")
  int cacheSize();
}
