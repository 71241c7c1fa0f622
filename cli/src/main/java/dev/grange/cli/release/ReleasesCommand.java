package dev.grange.cli.release;

import com.fasterxml.jackson.databind.JsonNode;
import dev.grange.cli.farm.Api;
import dev.grange.cli.farm.FarmOptions;
import dev.grange.cli.farm.Json;
import dev.grange.cli.farm.Surroundings;
import dev.grange.cli.terminal.Output;
import dev.grange.cli.terminal.Plain;
import java.io.PrintStream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code grange releases …}. */
@Command(
    name = "releases",
    synopsisSubcommandLabel = "COMMAND",
    description = "Look at releases: tests, decision, promotions.")
public final class ReleasesCommand implements Runnable {

  @Spec CommandSpec spec;

  private ReleasesCommand() {}

  public static CommandLine commandLine(Surroundings surroundings) {
    return new CommandLine(new ReleasesCommand()).addSubcommand(new ReleaseShow(surroundings));
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Which command?");
  }

  @Command(name = "show", description = "Show one release.")
  static final class ReleaseShow implements Runnable {

    private final Surroundings surroundings;

    @Parameters(paramLabel = "RELEASE", description = "The release's id.")
    String id = "";

    @Mixin Output output = new Output();
    @Mixin FarmOptions farm = new FarmOptions();

    ReleaseShow(Surroundings surroundings) {
      this.surroundings = surroundings;
    }

    @Override
    public void run() {
      JsonNode release = farm.connect(surroundings).get("/releases/" + Api.encode(id));
      output.one(
          surroundings.out(),
          release,
          node -> Json.text(node, "id"),
          () -> print(release, surroundings.out()));
    }

    private static void print(JsonNode release, PrintStream out) {
      Plain.line(out, "Release", Json.text(release, "id"));
      Plain.line(out, "Build", Json.text(release, "build"));
      Plain.line(out, "State", Json.text(release, "state"));
      Plain.line(out, "Digest", Json.text(release, "digest"));
      Plain.line(
          out,
          "Policy",
          (Json.text(release, "policy") + " " + Json.text(release, "policy_version")).strip());
      for (JsonNode test : release.path("tests")) {
        Plain.line(
            out,
            "Test",
            "%s %s  %s  %s"
                .formatted(
                    Json.text(test, "test_case"),
                    Json.text(test, "platform"),
                    Json.text(test, "outcome"),
                    Json.text(test, "message").lines().findFirst().orElse("")));
      }
      for (JsonNode target : release.path("targets")) {
        Plain.line(
            out,
            "Target",
            "%s  %s"
                .formatted(
                    Json.text(target, "pullspec"),
                    (Json.text(target, "state") + " " + Json.text(target, "outcome")).strip()));
        target.path("tag_pullspecs").forEach(tag -> Plain.line(out, "  Tag", tag.asText()));
        Plain.line(out, "  Trouble", Json.text(target, "last_error"));
      }
    }
  }
}
