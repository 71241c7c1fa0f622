package dev.grange.scheduler.cluster.local;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.nio.file.Path;
import java.util.Optional;

/** Workers as processes of this machine. Not a boundary between tenants: for one machine's farm. */
@ConfigMapping(prefix = "grange.local")
public interface LocalConfig {
  /**
   * Where the workers live, one folder each. Without it this scheduler looks after no cluster of
   * this kind.
   */
  Optional<Path> directory();

  /** The folder that holds {@code grange-local-run} and the worker's entrypoint. */
  Optional<Path> workerBin();

  /**
   * Whether workers end with the scheduler. Otherwise they go on and are found again by the next
   * one, which is what a rolling restart wants; a farm that is switched off wants them gone.
   */
  @WithDefault("false")
  boolean stopWorkersAtShutdown();
}
