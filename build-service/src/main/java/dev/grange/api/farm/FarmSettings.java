package dev.grange.api.farm;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** What the farm is called and what it builds when nobody says. */
@ConfigMapping(prefix = "grange.farm")
public interface FarmSettings {

  /** The source of the farm's events. All processes of a farm have the same. */
  @WithDefault("grange")
  String name();

  /** The platform of a submission that names none. */
  @WithDefault("linux/amd64")
  String platform();
}
