package dev.grange.cli.build;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import dev.grange.cli.farm.Api;
import dev.grange.cli.farm.FarmOptions;
import dev.grange.cli.farm.Json;
import dev.grange.cli.farm.ServerEvent;
import dev.grange.cli.farm.Surroundings;
import dev.grange.cli.terminal.Output;
import dev.grange.cli.terminal.Plain;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The events of one build, as they were or will be published on Kafka. */
@Command(name = "events", description = "Print the events of a build.")
public final class EventsCommand implements Runnable {

  private final Surroundings surroundings;

  @Parameters(paramLabel = "BUILD", description = "The build's id.")
  String id = "";

  @Option(
      names = {"-f", "--follow"},
      description = "Go on until the last one; with -o json one event on each line.")
  boolean follow;

  @Mixin Output output = new Output();
  @Mixin FarmOptions farm = new FarmOptions();

  public EventsCommand(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public void run() {
    Api api = farm.connect(surroundings);
    String path = "/builds/" + Api.encode(id);
    if (!follow) {
      output.many(
          surroundings.out(),
          api.get(path + "/events").path("items"),
          event -> Json.text(event, "type"),
          List.of("TIME", "TYPE", "SUBJECT", "PUBLISHED"),
          EventsCommand::row);
      return;
    }
    Set<String> seen = new HashSet<>();
    api.follow(
        path + "/events",
        event -> {
          JsonNode item = parse(event);
          if (item.isObject() && seen.add(Json.text(item, "id"))) {
            print(item);
          }
        },
        () -> api.get(path).path("final").asBoolean());
  }

  private void print(JsonNode item) {
    String line =
        switch (output.form()) {
          case TABLE -> String.join("  ", row(item));
          case NAME -> Json.text(item, "type");
          // Both: a stream of documents, one on each line, is JSON lines and valid YAML.
          case JSON, YAML -> Output.line(item);
        };
    surroundings.out().println(output.form() == Output.Form.TABLE ? Plain.text(line) : line);
    surroundings.out().flush();
  }

  private static List<String> row(JsonNode event) {
    return List.of(
        Json.text(event, "created_at").replaceFirst("\\.\\d+", ""),
        Json.text(event, "type"),
        Json.text(event, "subject"),
        Json.text(event, "published_at").isEmpty() ? "no" : "yes");
  }

  private static JsonNode parse(ServerEvent event) {
    try {
      return Json.MAPPER.readTree(event.data());
    } catch (JsonProcessingException e) {
      return Json.MAPPER.missingNode();
    }
  }
}
