package dev.grange.cli.build;

import com.fasterxml.jackson.databind.JsonNode;
import dev.grange.cli.farm.Api;
import dev.grange.cli.farm.FarmOptions;
import dev.grange.cli.farm.Json;
import dev.grange.cli.farm.Surroundings;
import dev.grange.cli.terminal.Output;
import dev.grange.cli.terminal.Progress;
import java.util.UUID;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

@Command(name = "retry", description = "Build the same again, as a new build, and wait for it.")
final class BuildRetry implements Callable<Integer> {

  private final Surroundings surroundings;

  @Parameters(paramLabel = "BUILD", description = "The build's id.")
  String id = "";

  @Mixin FollowOptions follow = new FollowOptions();
  @Mixin Output output = new Output();
  @Mixin FarmOptions farm = new FarmOptions();

  BuildRetry(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public Integer call() {
    Api api = farm.connect(surroundings);
    // With a key, a retry that is sent twice is one build.
    JsonNode build =
        api.post("/builds/" + Api.encode(id) + "/retry", null, UUID.randomUUID().toString());
    Progress progress = Progress.on(surroundings.err(), surroundings.environment(), follow.quiet);
    progress.line("submitted  build %s, a retry of %s".formatted(Json.text(build, "id"), id));
    return follow.follow(api, build, output, progress, surroundings);
  }
}
