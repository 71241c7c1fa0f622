package dev.grange.cli.farm;

import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Map;

/**
 * The process around a command. Commands take it instead of asking {@link System}, so that a test
 * can run them beside each other.
 */
public record Surroundings(
    Map<String, String> environment,
    Path directory,
    InputStream in,
    PrintStream out,
    PrintStream err) {

  /** How the person called us, so that the commands we print can be copied. */
  public String command() {
    return environment.getOrDefault("GRANGE_COMMAND", "grange");
  }

  /** Where the farm of this machine keeps its data. */
  public Path home() {
    return directory.resolve(environment.getOrDefault("GRANGE_HOME", ".grange"));
  }
}
