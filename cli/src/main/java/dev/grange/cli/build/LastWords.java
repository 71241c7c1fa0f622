package dev.grange.cli.build;

import com.fasterxml.jackson.databind.JsonNode;
import dev.grange.cli.farm.Api;
import dev.grange.cli.farm.CommandFailure;
import dev.grange.cli.farm.ExitCode;
import dev.grange.cli.farm.Json;
import dev.grange.cli.terminal.Plain;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** The end of the story: what came out, why, and the command to go on with. */
public final class LastWords {

  private static final int TAIL_BYTES = 32 * 1024;
  private static final int TAIL_LINES = 12;

  private final Api api;
  private final String command;

  public LastWords(Api api, String command) {
    this.api = api;
    this.command = command;
  }

  /** Says how it ended; to stderr, because the result itself is data. */
  public void say(PrintStream err, JsonNode build, ExitCode verdict) {
    for (String line : lines(build, verdict)) {
      err.println(Plain.text(line));
    }
  }

  private List<String> lines(JsonNode build, ExitCode verdict) {
    String id = Json.text(build, "id");
    List<String> lines = new ArrayList<>();
    switch (verdict) {
      case OK -> success(build, lines);
      case CANCELLED ->
          lines.add(
              Json.text(build.path("release"), "state").equals("WITHDRAWN")
                  ? "Build %s was withdrawn after it was built.".formatted(id)
                  : "Build %s was cancelled.".formatted(id));
      case BLOCKED -> blocked(build, lines);
      default -> {
        if (Json.text(build, "state").equals("FAILED")) {
          failure(build, verdict, lines);
        } else {
          lines.add("Build %s has nothing to promote.".formatted(id));
        }
      }
    }
    return lines;
  }

  private void success(JsonNode build, List<String> lines) {
    List<String> stable = stable(build);
    if (stable.isEmpty()) {
      lines.add("Built " + Json.text(build.path("candidate"), "pullspec"));
      if (build.path("release").isObject()) {
        lines.add(
            "Follow its tests and promotion: %s builds show %s"
                .formatted(command, Json.text(build, "id")));
      }
      return;
    }
    lines.add("Promoted:");
    for (JsonNode target : build.path("release").path("targets")) {
      lines.add("  " + Json.text(target, "pullspec"));
      target.path("tag_pullspecs").forEach(tag -> lines.add("  " + tag.asText()));
    }
    lines.add("Look at it: " + inspect(stable.getFirst()));
  }

  /** The command that shows an image in a registry. */
  public static String inspect(String pullspec) {
    return "skopeo inspect --tls-verify=false docker://" + pullspec;
  }

  /** The pullspecs by digest in the stable registries; empty before promotion. */
  public static List<String> stable(JsonNode build) {
    List<String> stable = new ArrayList<>();
    JsonNode release = build.path("release");
    if (Json.text(release, "state").equals("PROMOTED")) {
      release.path("targets").forEach(target -> stable.add(Json.text(target, "pullspec")));
    }
    return stable;
  }

  private void blocked(JsonNode build, List<String> lines) {
    String id = Json.text(build, "id");
    lines.add("Built, and blocked by its tests: " + Json.text(build.path("candidate"), "pullspec"));
    for (JsonNode test : build.path("release").path("tests")) {
      String outcome = Json.text(test, "outcome");
      if (!outcome.equals("PASSED") && !outcome.equals("INFO")) {
        lines.add(
            "  %s %s: %s"
                .formatted(Json.text(test, "test_case"), Json.text(test, "platform"), outcome));
        Json.text(test, "message").strip().lines().forEach(line -> lines.add("    " + line));
      }
    }
    String why = Json.text(build.path("release").path("decision"), "message");
    if (!why.isEmpty()) {
      lines.add("  " + why);
    }
    lines.add("See the test's log: %s builds log --test %s".formatted(command, id));
  }

  private void failure(JsonNode build, ExitCode verdict, List<String> lines) {
    String id = Json.text(build, "id");
    JsonNode failure = build.path("failure");
    JsonNode attempt = Json.MAPPER.missingNode();
    String platform = "";
    for (JsonNode candidate : build.path("platform_builds")) {
      if (Json.text(candidate, "state").equals("FAILED") && candidate.path("attempts").size() > 0) {
        attempt = candidate.path("attempts").path(candidate.path("attempts").size() - 1);
        platform = Json.text(candidate, "platform");
        break;
      }
    }
    LogLines.Tail tail = attempt.isObject() ? tail(id, Json.text(attempt, "id")) : none();
    String reason = Json.text(failure, "reason");
    String step = tail.step().isEmpty() ? stepOf(reason) : tail.step();
    String fault = Json.text(failure, "fault");
    lines.add(
        "Build %s failed: %s, %s%s%s."
            .formatted(
                id,
                fault,
                reason,
                step.isEmpty() ? "" : " in step " + step,
                platform.isEmpty() ? "" : " for " + platform));
    String shown = String.join("\n", tail.lines());
    List<String> message = Json.text(failure, "message").strip().lines().toList();
    message.stream()
        .skip(Math.max(0, message.size() - TAIL_LINES))
        .filter(
            line ->
                !line.isBlank() && !shown.contains(line.strip()) && !line.startsWith("::grange::"))
        .forEach(line -> lines.add("  " + line));
    if (!tail.lines().isEmpty()) {
      lines.add("Last lines of the log:");
      tail.lines().forEach(line -> lines.add("  | " + line));
    }
    lines.add(
        switch (verdict) {
          case BUILD_FAILED -> "The cause lies in what was submitted.";
          case CONFIGURATION -> "Somebody has to mend a setting of the farm or the project first.";
          default -> "The farm failed, not your build: %s builds retry %s".formatted(command, id);
        });
    lines.add("The whole log: %s builds log %s".formatted(command, id));
  }

  private static LogLines.Tail none() {
    return new LogLines.Tail("", List.of());
  }

  private LogLines.Tail tail(String build, String attempt) {
    String path = "/builds/%s/log?attempt=%s".formatted(Api.encode(build), Api.encode(attempt));
    try (InputStream in = api.text(path, "bytes=-" + TAIL_BYTES)) {
      return LogLines.tail(new String(in.readAllBytes(), StandardCharsets.UTF_8), TAIL_LINES);
    } catch (IOException | CommandFailure e) {
      // An empty log answers 416; the failure's own message has to do then.
      return none();
    }
  }

  private static String stepOf(String reason) {
    return switch (reason) {
      case "FetchSourceFailed" -> "fetch";
      case "BuildFailed", "ContainerfileInvalid", "BaseImageNotFound" -> "build";
      case "PushFailed", "ImageTooLarge" -> "push";
      default -> "";
    };
  }
}
