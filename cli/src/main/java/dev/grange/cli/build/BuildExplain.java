package dev.grange.cli.build;

import com.fasterxml.jackson.databind.JsonNode;
import dev.grange.cli.farm.Api;
import dev.grange.cli.farm.FarmOptions;
import dev.grange.cli.farm.Json;
import dev.grange.cli.farm.Surroundings;
import dev.grange.cli.terminal.Output;
import dev.grange.cli.terminal.Plain;
import java.io.PrintStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

@Command(name = "explain", description = "Say why a build is where it is.")
final class BuildExplain implements Runnable {

  private final Surroundings surroundings;

  @Parameters(paramLabel = "BUILD", description = "The build's id.")
  String id = "";

  @Mixin Output output = new Output();
  @Mixin FarmOptions farm = new FarmOptions();

  BuildExplain(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public void run() {
    JsonNode why = farm.connect(surroundings).get("/builds/" + Api.encode(id) + "/explain");
    output.one(
        surroundings.out(),
        why,
        node -> Json.text(node, "reason"),
        () -> print(why, surroundings.out()));
  }

  private static void print(JsonNode why, PrintStream out) {
    String reason = Json.text(why, "reason");
    String message = Json.text(why, "message");
    out.println(
        Plain.text(
            Json.text(why, "state")
                + (reason.isEmpty() ? "" : ": " + reason)
                + (message.isEmpty() ? "" : ". " + message)));
    why.path("clusters")
        .properties()
        .forEach(
            cluster ->
                out.println(
                    Plain.text(
                        "  %s: %s".formatted(cluster.getKey(), cluster.getValue().asText()))));
  }
}
