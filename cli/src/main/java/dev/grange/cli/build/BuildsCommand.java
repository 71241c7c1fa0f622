package dev.grange.cli.build;

import dev.grange.cli.farm.Surroundings;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;
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

  /** Only the command that is named exactly as second argument, or all. */
  public static CommandLine commandLine(Surroundings surroundings, String... arguments) {
    Map<String, Supplier<Object>> commands = new LinkedHashMap<>();
    commands.put("list", () -> new BuildList(surroundings));
    commands.put("show", () -> new BuildShow(surroundings));
    commands.put("log", () -> new BuildLog(surroundings));
    commands.put("cancel", () -> new BuildCancel(surroundings));
    commands.put("retry", () -> new BuildRetry(surroundings));
    commands.put("explain", () -> new BuildExplain(surroundings));
    CommandLine commandLine = new CommandLine(new BuildsCommand());
    Supplier<Object> named = arguments.length < 2 ? null : commands.get(arguments[1]);
    if (named == null) {
      commands.values().forEach(command -> commandLine.addSubcommand(command.get()));
    } else {
      commandLine.addSubcommand(named.get());
    }
    return commandLine;
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Which command?");
  }
}
