package dev.grange.cli.cluster;

import com.fasterxml.jackson.databind.JsonNode;
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

  @Option(names = "--history", description = "Show who did what to it, too.")
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
    JsonNode cluster = api.get(path);
    output.one(
        surroundings.out(),
        cluster,
        node -> Json.text(node, "name"),
        () -> print(cluster, surroundings.out()));
    if (history && output.form() == Output.Form.TABLE) {
      for (JsonNode past : api.get(path + "/requests").path("items")) {
        line(
            surroundings.out(),
            "Request",
            "%s  %s by %s  %s"
                .formatted(
                    Json.text(past, "created_at"),
                    Json.text(past, "command"),
                    Json.text(past, "principal"),
                    (Json.text(past, "answer") + " " + Json.text(past, "answer_text")).strip()));
      }
    }
  }

  private static void print(JsonNode cluster, PrintStream out) {
    line(out, "Cluster", Json.text(cluster, "name"));
    line(out, "Kind", Json.text(cluster, "kind"));
    line(out, "State", (ClusterText.state(cluster) + "  " + ClusterText.note(cluster)).strip());
    line(out, "Drain until", Json.text(cluster, "drain_deadline"));
    line(out, "Drained", Json.text(cluster, "drained_at"));
    line(
        out,
        "Reachable",
        (ClusterText.reachable(cluster) + "  since " + Json.text(cluster, "reachable_changed_at"))
            .replaceFirst("  since $", ""));
    line(out, "Trouble", Json.text(cluster, "last_error"));
    line(out, "Rests until", Json.text(cluster, "not_before"));
    line(out, "Slots", ClusterText.slots(cluster));
    line(out, "Weight", Json.text(cluster, "weight"));
    line(out, "Platforms", ClusterText.platforms(cluster));
    line(out, "Labels", pairs(cluster.path("labels")));
    line(out, "Features", pairs(cluster.path("features")));
    JsonNode config = cluster.path("config");
    line(out, "Server", Json.text(config, "server"));
    line(
        out,
        "Credential",
        Json.text(config.path("credential"), "kubeconfig_file")
            + Json.text(config.path("credential"), "token_file"));
    line(out, "Namespace", Json.text(config, "namespace"));
    line(out, "Worker", Json.text(config, "worker_image"));
    line(out, "Checked", Json.text(cluster, "checked_at"));
    ClusterText.findings(cluster, out);
  }

  private static String pairs(JsonNode object) {
    StringJoiner pairs = new StringJoiner(", ");
    for (Map.Entry<String, JsonNode> entry : object.properties()) {
      pairs.add(entry.getKey() + "=" + entry.getValue().asText());
    }
    return pairs.toString();
  }

  private static void line(PrintStream out, String name, String value) {
    if (!value.isBlank()) {
      out.printf("%-12s %s%n", name, Plain.text(value).stripTrailing());
    }
  }
}
