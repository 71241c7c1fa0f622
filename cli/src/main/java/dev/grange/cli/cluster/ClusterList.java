package dev.grange.cli.cluster;

import com.fasterxml.jackson.databind.JsonNode;
import dev.grange.cli.farm.FarmOptions;
import dev.grange.cli.farm.Json;
import dev.grange.cli.farm.Surroundings;
import dev.grange.cli.terminal.Output;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(name = "list", description = "List the clusters.")
final class ClusterList implements Runnable {

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
        List.of("NAME", "KIND", "STATE", "REACHABLE", "SLOTS", "PLATFORMS", "NOTE"),
        ClusterList::row);
  }

  private static List<String> row(JsonNode cluster) {
    return List.of(
        Json.text(cluster, "name"),
        Json.text(cluster, "kind"),
        ClusterText.state(cluster),
        ClusterText.reachable(cluster),
        ClusterText.slots(cluster),
        ClusterText.platforms(cluster),
        ClusterText.note(cluster));
  }
}
