package dev.grange.cli.cluster;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.grange.cli.farm.Api;
import dev.grange.cli.farm.FarmOptions;
import dev.grange.cli.farm.Json;
import dev.grange.cli.farm.Surroundings;
import dev.grange.cli.terminal.Output;
import dev.grange.cli.terminal.Plain;
import java.io.PrintStream;
import java.util.Map;
import java.util.StringJoiner;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "show", description = "Show one cluster: its state, what its last check found.")
final class ClusterShow implements Runnable {

  private final Surroundings surroundings;

  @Parameters(paramLabel = "CLUSTER", description = "The cluster's name.")
  String name = "";

  @Option(
      names = "--history",
      description = "Show who did what to it, too; in JSON and YAML as \"history\".")
  boolean history;

  @Mixin Output output = new Output();
  @Mixin FarmOptions farm = new FarmOptions();

  ClusterShow(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public void run() {
    Api api = farm.connect(surroundings);
    String path = "/clusters/" + Api.encode(name);
    ObjectNode cluster = (ObjectNode) api.get(path);
    if (history) {
      cluster.set("history", api.get(path + "/requests").path("items"));
    }
    output.one(
        surroundings.out(),
        cluster,
        node -> Json.text(node, "name"),
        () -> print(cluster, surroundings.out()));
  }

  private static void print(JsonNode cluster, PrintStream out) {
    Plain.line(out, "Cluster", Json.text(cluster, "name"));
    Plain.line(out, "Kind", Json.text(cluster, "kind"));
    Plain.line(
        out, "State", (ClusterText.state(cluster) + "  " + ClusterText.note(cluster)).strip());
    Plain.line(out, "Drain until", Json.text(cluster, "drain_deadline"));
    Plain.line(out, "Drained", Json.text(cluster, "drained_at"));
    Plain.line(
        out,
        "Reachable",
        (ClusterText.reachable(cluster) + "  since " + Json.text(cluster, "reachable_changed_at"))
            .replaceFirst("  since $", ""));
    Plain.line(out, "Trouble", Json.text(cluster, "last_error"));
    Plain.line(out, "Rests until", Json.text(cluster, "not_before"));
    Plain.line(out, "Slots", ClusterText.slots(cluster));
    Plain.line(out, "Weight", Json.text(cluster, "weight"));
    Plain.line(out, "Platforms", ClusterText.platforms(cluster));
    Plain.line(out, "Labels", pairs(cluster.path("labels")));
    Plain.line(out, "Features", pairs(cluster.path("features")));
    JsonNode config = cluster.path("config");
    Plain.line(out, "Server", Json.text(config, "server"));
    Plain.line(
        out,
        "Credential",
        Json.text(config.path("credential"), "kubeconfig_file")
            + Json.text(config.path("credential"), "token_file"));
    Plain.line(out, "Namespace", Json.text(config, "namespace"));
    Plain.line(out, "Worker", Json.text(config, "worker_image"));
    Plain.line(out, "Checked", Json.text(cluster, "checked_at"));
    ClusterText.findings(cluster, out);
    for (JsonNode past : cluster.path("history")) {
      Plain.line(
          out,
          "Request",
          "%s  %s by %s  %s"
              .formatted(
                  Json.text(past, "created_at"),
                  Json.text(past, "command"),
                  Json.text(past, "principal"),
                  (Json.text(past, "answer") + " " + Json.text(past, "answer_text")).strip()));
    }
  }

  private static String pairs(JsonNode object) {
    StringJoiner pairs = new StringJoiner(", ");
    for (Map.Entry<String, JsonNode> entry : object.properties()) {
      pairs.add(entry.getKey() + "=" + entry.getValue().asText());
    }
    return pairs.toString();
  }
}
