package dev.grange.cli.build;

import com.fasterxml.jackson.databind.JsonNode;
import dev.grange.cli.farm.Api;
import dev.grange.cli.farm.FarmOptions;
import dev.grange.cli.farm.Json;
import dev.grange.cli.farm.Surroundings;
import dev.grange.cli.terminal.Durations;
import dev.grange.cli.terminal.Output;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(name = "list", description = "List builds, the newest first.")
final class BuildList implements Runnable {

  private final Surroundings surroundings;

  @Option(
      names = "--status",
      paramLabel = "STATE",
      description = "Only in this state: queued, running, succeeded, failed, cancelled.")
  @Nullable String status;

  @Option(names = "--project", paramLabel = "NAME", description = "Only of this project.")
  @Nullable String project;

  @Option(names = "--image", paramLabel = "NAME", description = "Only of this image.")
  @Nullable String image;

  @Option(
      names = "--limit",
      paramLabel = "N",
      defaultValue = "20",
      description = "At most so many. Default: 20.")
  int limit;

  @Mixin Output output = new Output();
  @Mixin FarmOptions farm = new FarmOptions();

  BuildList(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public void run() {
    StringBuilder query = new StringBuilder("/builds");
    add(query, "status", status == null ? null : status.toUpperCase(Locale.ROOT));
    add(query, "project", project);
    add(query, "image", image);
    JsonNode builds = farm.connect(surroundings).list(query.toString(), Math.max(1, limit));
    output.many(
        surroundings.out(),
        builds,
        build -> Json.text(build, "id"),
        List.of("ID", "IMAGE", "STATE", "RELEASE", "CREATED", "TOOK"),
        build ->
            List.of(
                Json.text(build, "id"),
                Json.text(build, "image"),
                Json.text(build, "state"),
                Json.text(build.path("release"), "state"),
                Json.text(build, "created_at").replaceFirst("\\.\\d+", ""),
                Durations.between(
                    Json.text(build, "started_at"), Json.text(build, "finished_at"))));
  }

  private static void add(StringBuilder query, String name, @Nullable String value) {
    if (value != null) {
      query.append(query.indexOf("?") < 0 ? '?' : '&');
      query.append(name).append('=').append(Api.encode(value));
    }
  }
}
