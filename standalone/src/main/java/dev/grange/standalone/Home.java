package dev.grange.standalone;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;

/** Where the farm keeps what it has: {@code $GRANGE_HOME}, readable by its owner only. */
record Home(Path directory) {
  static Home of(Map<String, String> environment) {
    String setting = environment.getOrDefault("GRANGE_HOME", "");
    return new Home(Path.of(setting.isBlank() ? ".grange" : setting).toAbsolutePath().normalize());
  }

  void create() throws IOException {
    if (!Files.isDirectory(directory)) {
      Files.createDirectories(
          directory,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    }
    Files.createDirectories(log());
    Files.createDirectories(local());
  }

  Path ports() {
    return directory.resolve("ports.properties");
  }

  Path token() {
    return directory.resolve("token");
  }

  /** Key, secrets and accounts of the registries' token service. */
  Path tokens() {
    return directory.resolve("tokens");
  }

  Path farm() {
    return directory.resolve("farm.json");
  }

  Path log() {
    return directory.resolve("log");
  }

  Path log(String child) {
    return log().resolve(child + ".log");
  }

  Path local() {
    return directory.resolve("local");
  }

  /** For what the applications need for a while: emptied at each start. */
  Path temporary() {
    return directory.resolve("tmp");
  }

  Path data(String child) {
    return directory.resolve(child);
  }
}
