package dev.grange.cli.build;

import com.fasterxml.jackson.databind.JsonNode;
import dev.grange.cli.farm.Api;
import dev.grange.cli.farm.FarmOptions;
import dev.grange.cli.farm.Json;
import dev.grange.cli.farm.Surroundings;
import dev.grange.cli.terminal.Durations;
import dev.grange.cli.terminal.Output;
import dev.grange.cli.terminal.Plain;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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

  /** One screen: first what everybody wants to know, then what explains it. */
  private static void print(JsonNode why, PrintStream out) {
    String reason = Json.text(why, "reason");
    String message = Json.text(why, "message");
    out.println(
        Plain.text(
            Json.text(why, "state")
                + (reason.isEmpty() ? "" : ": " + reason)
                + (message.isEmpty() ? "" : ". " + message)));
    boolean told = false;
    for (JsonNode platform : why.path("platforms")) {
      if (platform.path("waiting").isObject()) {
        told = true;
        waiting(platform, platform.path("waiting"), out);
      }
    }
    if (!told) {
      clusters(why.path("clusters"), "  ", out);
    }
  }

  private static void waiting(JsonNode platform, JsonNode waiting, PrintStream out) {
    out.println();
    Plain.line(
        out,
        Json.text(platform, "platform"),
        "%s: %s".formatted(Json.text(platform, "reason"), Json.text(platform, "message")));
    Plain.line(
        out,
        "  waits",
        "for %s; ends as too late at %s"
            .formatted(
                Durations.human(seconds(waiting.path("seconds"))), Json.text(waiting, "deadline")));
    long ahead = waiting.path("ahead").asLong();
    Plain.line(
        out,
        "  place",
        "%d of %d of project %s for these clusters (priority %d)"
            .formatted(
                ahead + 1,
                waiting.path("waiting").asLong(),
                Json.text(waiting, "project"),
                waiting.path("priority").asInt()));
    Plain.line(
        out,
        "  share",
        "the project has %d of %d slots in use for %s (weight %d)"
            .formatted(
                waiting.path("project_slots").asLong(),
                waiting.path("all_slots").asLong(),
                Json.text(platform, "platform"),
                waiting.path("weight").asInt()));
    List<String> wants = new ArrayList<>();
    waiting
        .path("cluster_selector")
        .properties()
        .forEach(label -> wants.add(label.getKey() + "=" + label.getValue().asText()));
    String pinned = Json.text(waiting, "pinned_to");
    if (!pinned.isEmpty()) {
      wants.addFirst("cluster " + pinned);
    }
    Plain.line(out, "  asks for", String.join(", ", wants));
    if (!platform.path("clusters").isEmpty()) {
      Plain.line(out, "  clusters", "as of " + Json.text(waiting, "decided_at"));
      clusters(platform.path("clusters"), "    ", out);
    }
    List<String> last = new ArrayList<>();
    waiting.path("taken_last").forEach(cluster -> last.add(cluster.asText()));
    Plain.line(
        out, "  last", last.isEmpty() ? "" : String.join(", ", last) + ": it failed there lately");
    for (JsonNode node : waiting.path("avoided_nodes")) {
      Plain.line(
          out,
          "  avoided",
          "node %s of %s until %s: its last %d attempts failed (%s)"
              .formatted(
                  Json.text(node, "node"),
                  Json.text(node, "cluster"),
                  Json.text(node, "until"),
                  node.path("failures").asInt(),
                  Json.text(node, "reason")));
    }
    Plain.line(out, "  would help", Json.text(waiting, "remedy"));
  }

  /** Clusters that say the same stand together: fifty fit on a screen as well. */
  private static void clusters(JsonNode clusters, String indent, PrintStream out) {
    Map<String, List<String>> bySaying = new LinkedHashMap<>();
    clusters
        .properties()
        .forEach(
            cluster ->
                bySaying
                    .computeIfAbsent(cluster.getValue().asText(), _ -> new ArrayList<>())
                    .add(cluster.getKey()));
    bySaying.forEach(
        (saying, names) ->
            out.println(Plain.text("%s%s: %s".formatted(indent, shortened(names), saying))));
  }

  private static String shortened(List<String> names) {
    int shown = 4;
    return names.size() <= shown + 1
        ? String.join(", ", names)
        : String.join(", ", names.subList(0, shown))
            + " and %d more".formatted(names.size() - shown);
  }

  private static Duration seconds(JsonNode seconds) {
    return Duration.ofMillis((long) (seconds.asDouble() * 1000));
  }
}
