package dev.grange.scheduler;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.util.Optional;

/** Which farm this is, and which of its schedulers. */
@ConfigMapping(prefix = "grange.farm")
public interface FarmConfig {
  /** The farm's name: the source of its events. */
  @WithDefault("grange")
  String name();

  /** This scheduler's name among the replicas, for people; it is made unique for each start. */
  Optional<String> instance();
}
