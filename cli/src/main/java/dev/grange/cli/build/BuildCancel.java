package dev.grange.cli.build;

import com.fasterxml.jackson.databind.JsonNode;
import dev.grange.cli.farm.Api;
import dev.grange.cli.farm.Asked;
import dev.grange.cli.farm.CommandFailure;
import dev.grange.cli.farm.ExitCode;
import dev.grange.cli.farm.FarmOptions;
import dev.grange.cli.farm.Json;
import dev.grange.cli.farm.Surroundings;
import dev.grange.cli.terminal.Durations;
import java.time.Duration;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "cancel", description = "Cancel a build.")
final class BuildCancel implements Callable<Integer> {

  private final Surroundings surroundings;

  @Parameters(paramLabel = "BUILD", description = "The build's id.")
  String id = "";

  @Option(names = "--wait", description = "Wait until it has stopped.")
  boolean wait;

  @Option(
      names = "--wait-timeout",
      paramLabel = "TIME",
      converter = Durations.class,
      description = "With --wait: give up after this time, with exit status 8.")
  @Nullable Duration limit;

  @Mixin FarmOptions farm = new FarmOptions();

  BuildCancel(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public Integer call() throws InterruptedException {
    Api api = farm.connect(surroundings);
    String path = "/builds/" + Api.encode(id);
    JsonNode accepted = api.postRepeatable(path + "/cancel");
    if (!wait) {
      surroundings.err().println("Asked the farm to cancel build " + id + ".");
      return ExitCode.OK.status();
    }
    String request = Json.text(accepted, "request_id");
    String[] state = {""};
    JsonNode _ =
        Asked.await(
            () -> {
              JsonNode build = api.get(path);
              state[0] = Json.text(build, "state");
              return isCancelled(api, build, request) ? build : Json.MAPPER.missingNode();
            },
            limit,
            waited ->
                "Waited %s; build %s is still %s."
                    .formatted(Durations.human(waited), id, state[0]));
    surroundings.err().println("Build " + id + " is cancelled.");
    return ExitCode.OK.status();
  }

  /** Fails when it will not be. */
  private boolean isCancelled(Api api, JsonNode build, String request) {
    String state = Json.text(build, "state");
    if (state.equals("CANCELLED")
        || Json.text(build.path("release"), "state").equals("WITHDRAWN")) {
      return true;
    }
    JsonNode answer =
        request.isEmpty() ? Json.object() : api.get("/requests/" + Api.encode(request));
    if (Json.text(answer, "answer").equals("REFUSED") || build.path("final").asBoolean()) {
      String why = Json.text(answer, "answer_text");
      throw new CommandFailure(
          ExitCode.API,
          "Build %s was not cancelled; it is %s. %s".formatted(id, state, why).strip());
    }
    return false;
  }
}
