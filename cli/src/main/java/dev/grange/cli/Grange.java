package dev.grange.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The root command. */
@Command(
    name = "grange",
    description = "Builds container images on a farm.",
    synopsisSubcommandLabel = "COMMAND",
    footer = {
      "",
      "The farm of this machine: up [-d], down, status, demo, test, bench (answered by ./grange"
          + " itself).",
      "Exit status: 0 success, 1 the build failed, 2 usage, 3 API or network, 4 authentication,",
      "5 not found, 6 cancelled, 7 the farm failed (try again), 8 the wait ended, 9 a setting must"
          + " be",
      "mended, 10 blocked by its tests, 130 detached."
    })
final class Grange implements Runnable {

  @Spec CommandSpec spec;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      scope = ScopeType.INHERIT,
      description = "Show this help and end.")
  boolean help;

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Which command?");
  }
}
