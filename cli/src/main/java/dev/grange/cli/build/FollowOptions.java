package dev.grange.cli.build;

import com.fasterxml.jackson.databind.JsonNode;
import dev.grange.cli.farm.Api;
import dev.grange.cli.farm.CommandFailure;
import dev.grange.cli.farm.ExitCode;
import dev.grange.cli.farm.Json;
import dev.grange.cli.farm.Surroundings;
import dev.grange.cli.terminal.Durations;
import dev.grange.cli.terminal.Output;
import dev.grange.cli.terminal.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** What the client does after a build was accepted. */
final class FollowOptions {

  @Option(
      names = "--until",
      paramLabel = "GOAL",
      description = "How far to wait: built or promoted. Default: built.")
  @Nullable Goal goal;

  @Option(
      names = {"--nowait", "--detach"},
      description = "Do not wait; print the build's id.")
  boolean nowait;

  @Option(
      names = "--wait-timeout",
      paramLabel = "TIME",
      converter = Durations.class,
      description = "Stop waiting after this time, with exit status 8. The build goes on.")
  @Nullable Duration limit;

  @Option(
      names = {"-q", "--quiet"},
      description = "Print nothing but the result.")
  boolean quiet;

  @Option(
      names = "--digestfile",
      paramLabel = "FILE",
      description = "Write the image's digest to this file.")
  @Nullable Path digestFile;

  Goal goal() {
    return goal == null ? Goal.BUILT : goal;
  }

  /** Waits as asked and prints the result. */
  int follow(
      Api api, JsonNode accepted, Output output, Progress progress, Surroundings surroundings) {
    String id = Json.text(accepted, "id");
    String command = surroundings.command();
    if (nowait) {
      if (!quiet) {
        progress.line("Follow it: %s builds log -f %s".formatted(command, id));
      }
      output.one(surroundings.out(), accepted, build -> id, () -> surroundings.out().println(id));
      return ExitCode.OK.status();
    }
    JsonNode build;
    try (Detach _ = Detach.whileFollowing(id, progress, surroundings)) {
      build =
          new Watch(
                  api,
                  id,
                  new Watch.Choice(goal(), limit, !quiet, goal() == Goal.PROMOTED),
                  progress)
              .run();
    } catch (CommandFailure e) {
      if (e.exitCode() == ExitCode.WAIT_ENDED || e.exitCode() == ExitCode.API) {
        throw new CommandFailure(
            e.exitCode(),
            "%s%nWatch it again: %s builds log -f %s".formatted(e.sentence(), command, id),
            e);
      }
      throw e;
    }
    ExitCode verdict = goal().verdict(build).orElse(ExitCode.API);
    if (!quiet || verdict != ExitCode.OK) {
      new LastWords(api, command).say(surroundings.err(), build, verdict);
    }
    surroundings.err().flush();
    print(build, verdict, output, surroundings);
    return verdict.status();
  }

  private void print(JsonNode build, ExitCode verdict, Output output, Surroundings surroundings) {
    List<String> stable = LastWords.stable(build);
    String candidate = Json.text(build.path("candidate"), "pullspec");
    List<String> pullspecs = stable.isEmpty() || goal() == Goal.BUILT ? List.of(candidate) : stable;
    if (output.form() == Output.Form.JSON || output.form() == Output.Form.YAML) {
      output.one(surroundings.out(), build, node -> "", () -> {});
    } else if (verdict == ExitCode.OK) {
      pullspecs.forEach(surroundings.out()::println);
    }
    if (digestFile != null && build.path("candidate").isObject()) {
      Path file = surroundings.directory().resolve(digestFile);
      try {
        Files.writeString(file, Json.text(build.path("candidate"), "digest") + "\n");
      } catch (IOException e) {
        throw new CommandFailure(
            ExitCode.USAGE, "The digest cannot be written to %s: %s".formatted(file, e), e);
      }
    }
  }
}
