package dev.grange.api.build;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** Limits of submissions and of waiting. */
@ConfigMapping(prefix = "grange.build")
public interface BuildSettings {

  /** The largest body of a submission, in bytes. A Containerfile alone may have 1 MiB. */
  @WithDefault("4194304")
  int maxBodyBytes();

  /** The longest that {@code Prefer: wait} is obeyed; who wants to wait longer asks again. */
  @WithDefault("60s")
  Duration maxWait();
}
