package dev.grange.scheduler;

import io.smallrye.config.ConfigMapping;
import java.nio.file.Path;
import java.util.Optional;

/** Registries that are not the farm's own. */
@ConfigMapping(prefix = "grange.registries")
public interface RegistriesConfig {
  /**
   * Their credentials, as {@code podman login} and {@code docker login} write them
   * (containers-auth.json(5)); read again each time.
   */
  Optional<Path> authFile();
}
