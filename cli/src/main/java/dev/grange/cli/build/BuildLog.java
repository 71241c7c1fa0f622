package dev.grange.cli.build;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import dev.grange.cli.farm.Api;
import dev.grange.cli.farm.CommandFailure;
import dev.grange.cli.farm.ExitCode;
import dev.grange.cli.farm.FarmOptions;
import dev.grange.cli.farm.Json;
import dev.grange.cli.farm.Surroundings;
import dev.grange.cli.terminal.Plain;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Prints a log: byte for byte into a file or pipe, readable and harmless on a terminal. */
@Command(
    name = "log",
    description = {
      "Print a build's log.",
      "With -f it goes on until the build and its release are final, and ends with the build's exit"
          + " status."
    })
final class BuildLog implements Callable<Integer> {

  private final Surroundings surroundings;

  @Parameters(paramLabel = "BUILD", description = "The build's id.")
  String id = "";

  @Option(
      names = {"-f", "--follow"},
      description = "Go on until the end.")
  boolean follow;

  @Option(names = "--attempt", paramLabel = "ID", description = "Only of this attempt.")
  @Nullable String attempt;

  @Option(names = "--test", description = "The log of the tests, not of the build.")
  boolean test;

  @Mixin FarmOptions farm = new FarmOptions();

  BuildLog(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public Integer call() {
    Api api = farm.connect(surroundings);
    List<String> query = new ArrayList<>();
    if (attempt != null) {
      query.add("attempt=" + Api.encode(attempt));
    }
    if (test) {
      query.add("kind=test");
    }
    String build = "/builds/" + Api.encode(id);
    String path = build + "/log" + (query.isEmpty() ? "" : "?" + String.join("&", query));
    if (!follow) {
      copy(api, path);
      return ExitCode.OK.status();
    }
    follow(api, path, build);
    JsonNode now = api.get(build);
    ExitCode verdict = Goal.BUILT.verdict(now).orElse(ExitCode.API);
    if (verdict != ExitCode.OK) {
      new LastWords(api, surroundings.command()).say(surroundings.err(), now, verdict);
    }
    return verdict.status();
  }

  private boolean onTerminal() {
    return surroundings.environment().getOrDefault("GRANGE_TERMINAL", "").contains("stdout");
  }

  private void copy(Api api, String path) {
    try (InputStream in = api.text(path, null)) {
      if (!onTerminal()) {
        in.transferTo(surroundings.out());
        surroundings.out().flush();
        return;
      }
      BufferedReader reader = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
      LogLines lines = new LogLines();
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        print(lines.add("", line + "\n"));
      }
    } catch (IOException e) {
      throw new CommandFailure(ExitCode.API, "The log broke off: " + e.getMessage(), e);
    }
  }

  private void follow(Api api, String path, String build) {
    LogLines lines = new LogLines();
    boolean terminal = onTerminal();
    api.follow(
        path,
        event -> {
          JsonNode piece;
          try {
            piece = Json.MAPPER.readTree(event.data());
          } catch (JsonProcessingException e) {
            return;
          }
          String text = Json.text(piece, "text");
          if (terminal) {
            print(lines.add(Json.text(piece, "attempt"), text));
          } else {
            surroundings.out().print(text);
            surroundings.out().flush();
          }
        },
        () -> api.get(build).path("final").asBoolean());
  }

  private void print(List<LogLines.Line> lines) {
    for (LogLines.Line line : lines) {
      surroundings.out().println(Plain.text(line.text()));
    }
    surroundings.out().flush();
  }
}
