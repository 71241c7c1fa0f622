package dev.grange.cli.cluster;

import com.fasterxml.jackson.databind.JsonNode;
import dev.grange.cli.farm.FarmOptions;
import dev.grange.cli.farm.Json;
import dev.grange.cli.farm.Surroundings;
import dev.grange.cli.terminal.Output;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code grange clusters …}. */
@Command(
    name = "clusters",
    synopsisSubcommandLabel = "COMMAND",
    description = "Look at the clusters that build.")
public final class ClustersCommand implements Runnable {

  @Spec CommandSpec spec;

  private ClustersCommand() {}

  public static CommandLine commandLine(Surroundings surroundings) {
    return new CommandLine(new ClustersCommand()).addSubcommand(new ClusterList(surroundings));
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Which command?");
  }

  @Command(name = "list", description = "List the clusters.")
  static final class ClusterList implements Runnable {

    private final Surroundings surroundings;

    @Mixin Output output = new Output();
    @Mixin FarmOptions farm = new FarmOptions();

    ClusterList(Surroundings surroundings) {
      this.surroundings = surroundings;
    }

    @Override
    public void run() {
      JsonNode clusters = farm.connect(surroundings).list("/clusters", Integer.MAX_VALUE);
      output.many(
          surroundings.out(),
          clusters,
          cluster -> Json.text(cluster, "name"),
          List.of("NAME", "KIND", "STATE", "REACHABLE", "SLOTS", "PLATFORMS"),
          ClusterList::row);
    }

    private static List<String> row(JsonNode cluster) {
      List<String> platforms = new ArrayList<>();
      cluster.path("platforms").forEach(platform -> platforms.add(platform.asText()));
      String used = Json.text(cluster, "slots_used");
      return List.of(
          Json.text(cluster, "name"),
          Json.text(cluster, "kind"),
          Json.text(cluster, "desired"),
          cluster.path("reachable").isBoolean()
              ? (cluster.path("reachable").asBoolean() ? "yes" : "no")
              : "not yet known",
          (used.isEmpty() ? "" : used + "/") + Json.text(cluster, "slots"),
          String.join(",", platforms));
    }
  }
}
