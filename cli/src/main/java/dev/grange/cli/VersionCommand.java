package dev.grange.cli;

import dev.grange.cli.farm.Surroundings;
import picocli.CommandLine.Command;

@Command(name = "version", description = "Print the client's version.")
final class VersionCommand implements Runnable {

  private final Surroundings surroundings;

  VersionCommand(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public void run() {
    String version = Main.class.getPackage().getImplementationVersion();
    surroundings.out().println("grange " + (version == null ? "(not packaged)" : version));
  }
}
