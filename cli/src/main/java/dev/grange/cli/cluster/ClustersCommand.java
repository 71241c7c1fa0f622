package dev.grange.cli.cluster;

import dev.grange.cli.farm.Surroundings;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code grange clusters …}. */
@Command(
    name = "clusters",
    synopsisSubcommandLabel = "COMMAND",
    description = "List, register, check, cordon, drain and remove the clusters that build.")
public final class ClustersCommand implements Runnable {

  @Spec CommandSpec spec;

  private ClustersCommand() {}

  /** Only the command that is named exactly as second argument, or all. */
  public static CommandLine commandLine(Surroundings surroundings, String... arguments) {
    Map<String, Supplier<Object>> commands = new LinkedHashMap<>();
    commands.put("list", () -> new ClusterList(surroundings));
    commands.put("show", () -> new ClusterShow(surroundings));
    commands.put("add", () -> new ClusterAdd(surroundings));
    commands.put("check", () -> new ClusterCheck(surroundings));
    commands.put("cordon", () -> new ClusterOrders.Cordon(surroundings));
    commands.put("drain", () -> new ClusterOrders.Drain(surroundings));
    commands.put("uncordon", () -> new ClusterOrders.Uncordon(surroundings));
    commands.put("remove", () -> new ClusterOrders.Remove(surroundings));
    commands.put("manifests", () -> new ClusterManifests(surroundings));
    CommandLine commandLine = new CommandLine(new ClustersCommand());
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
