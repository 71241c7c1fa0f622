package dev.grange.scheduler.attempt;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** How often something is tried, and how much of it is kept. */
@ConfigMapping(prefix = "grange.attempts")
public interface AttemptConfig {
  /** Attempts that may end with INFRA before the build does. */
  @WithDefault("3")
  int maxTries();

  /** Interruptions after which the build ends as INFRA. */
  @WithDefault("10")
  int maxInterruptions();

  /** The wait before the second try; each further one doubles it. */
  @WithDefault("5s")
  Duration firstDelay();

  /** The longest wait between two tries. */
  @WithDefault("5m")
  Duration maxDelay();

  /**
   * How much of one attempt's log is kept, in bytes; what comes after is left out, and the log says
   * so.
   */
  @WithDefault("104857600")
  long maxLogBytes();

  /** How long a pod may wait for a node, its image or a volume before it counts as failed. */
  @WithDefault("5m")
  Duration startLimit();

  /**
   * How long a cluster may not answer before what runs on it is moved. What is moved too early
   * builds twice for nothing; what is moved too late waits.
   */
  @WithDefault("2m")
  Duration unreachableLimit();

  /** How long a worker has to end after SIGTERM. */
  @WithDefault("15s")
  Duration stopGrace();
}
