package dev.grange.api.cluster;

import io.smallrye.config.ConfigMapping;
import java.nio.file.Path;
import java.util.Optional;

/** What may be registered. */
@ConfigMapping(prefix = "grange.clusters")
public interface ClusterSettings {

  /**
   * The folder on the scheduler's machine that all credentials of clusters are in. Without it an
   * operator may name any file that the scheduler can read, and so have it sent to a server of
   * their choice: set it where operators are not administrators of that machine.
   */
  Optional<Path> credentialDirectory();
}
