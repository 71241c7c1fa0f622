package dev.grange.cli.build;

import dev.grange.cli.farm.Surroundings;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code grange builds …}: builds that were submitted before. */
@Command(
    name = "builds",
    synopsisSubcommandLabel = "COMMAND",
    description = "List, show, follow, cancel, retry and explain builds.")
public final class BuildsCommand implements Runnable {

  @Spec CommandSpec spec;

  private BuildsCommand() {}

  public static CommandLine commandLine(Surroundings surroundings) {
    return new CommandLine(new BuildsCommand())
        .addSubcommand(new BuildList(surroundings))
        .addSubcommand(new BuildShow(surroundings))
        .addSubcommand(new BuildLog(surroundings))
        .addSubcommand(new BuildCancel(surroundings))
        .addSubcommand(new BuildRetry(surroundings))
        .addSubcommand(new BuildExplain(surroundings));
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Which command?");
  }
}
