package dev.grange.cli.build;

import com.fasterxml.jackson.databind.JsonNode;
import dev.grange.cli.farm.Json;
import dev.grange.cli.terminal.Progress.Look;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Tells what is new in one look at a build after another. It remembers what it has told, so looks
 * may come twice, skip states or arrive out of order.
 */
final class Story {

  record Line(Look look, String text) {}

  private static final List<String> ATTEMPT_ORDER =
      List.of(
          "ASSIGNED",
          "PREPARED",
          "BUILDING",
          "PUSHING",
          "SUCCEEDED",
          "FAILED",
          "INTERRUPTED",
          "CANCELLED");

  private final Set<String> told = new HashSet<>();
  private final Map<String, Integer> reached = new HashMap<>();
  private final List<Line> lines = new ArrayList<>();

  List<Line> tell(JsonNode build) {
    lines.clear();
    JsonNode waiting = build.path("waiting");
    if (Json.text(build, "state").equals("QUEUED") && waiting.isObject()) {
      String why = Json.text(waiting, "message");
      once("waiting:" + why, Look.PLAIN, "queue      waiting: " + why);
    }
    for (JsonNode platform : build.path("platform_builds")) {
      String name = Json.text(platform, "platform");
      for (JsonNode attempt : platform.path("attempts")) {
        attempt(attempt, "build", name);
      }
    }
    if (build.path("cancel_requested").asBoolean()) {
      once("cancel", Look.PLAIN, "cancel     requested");
    }
    JsonNode candidate = build.path("candidate");
    if (candidate.isObject()) {
      once("candidate", Look.GOOD, "built      " + Json.text(candidate, "pullspec"));
    }
    release(build.path("release"));
    return List.copyOf(lines);
  }

  private void attempt(JsonNode attempt, String what, String platform) {
    String id = Json.text(attempt, "id");
    String state = Json.text(attempt, "state");
    int rank = ATTEMPT_ORDER.indexOf(state);
    if (rank < 0 || rank <= reached.getOrDefault(id, -1)) {
      return;
    }
    reached.put(id, rank);
    String number = Json.text(attempt, "number");
    once(
        "placed:" + id,
        Look.PLAIN,
        "placed     %s %s on %s%s"
            .formatted(
                what,
                platform,
                Json.text(attempt, "cluster"),
                number.isEmpty() || number.equals("1") ? "" : ", attempt " + number));
    JsonNode failure = attempt.path("failure");
    switch (state) {
      case "BUILDING" ->
          add(Look.PLAIN, (what.equals("test") ? "testing    " : "building   ") + platform);
      case "PUSHING" -> add(Look.PLAIN, "pushing    " + platform);
      case "SUCCEEDED" -> {
        String digest = Json.text(attempt, "digest");
        if (what.equals("build") && !digest.isEmpty()) {
          add(Look.PLAIN, "pushed     %s %s".formatted(platform, digest));
        }
      }
      case "FAILED" ->
          add(
              Look.BAD,
              "failed     %s %s: %s"
                  .formatted(what, platform, firstLine(failure, Json.text(failure, "reason"))));
      case "INTERRUPTED" ->
          add(
              Look.BAD,
              "lost       %s %s: %s; it will be tried again"
                  .formatted(what, platform, firstLine(failure, "interrupted")));
      case "CANCELLED" -> add(Look.PLAIN, "stopped    %s %s".formatted(what, platform));
      default -> {
        // Assigned and prepared are part of being placed.
      }
    }
  }

  private void release(JsonNode release) {
    if (!release.isObject()) {
      return;
    }
    String policy = Json.text(release, "policy");
    once(
        "release",
        Look.PLAIN,
        "release    opened" + (policy.isEmpty() ? "" : ", policy " + policy));
    for (JsonNode test : release.path("tests")) {
      String name = Json.text(test, "test_case");
      for (JsonNode attempt : test.path("attempts")) {
        attempt(attempt, "test", name);
      }
      String outcome = Json.text(test, "outcome");
      String message = firstLine(test, "");
      String platform = Json.text(test, "platform");
      String line =
          "test       %s%s %s%s"
              .formatted(
                  name,
                  platform.isEmpty() ? "" : " " + platform,
                  outcome,
                  message.isEmpty() ? "" : ": " + message);
      switch (outcome) {
        case "", "QUEUED", "RUNNING" -> {
          // Its attempts tell that.
        }
        case "PASSED", "INFO" -> once("test:" + name + platform + outcome, Look.GOOD, line);
        default -> once("test:" + name + platform + outcome, Look.BAD, line);
      }
    }
    for (JsonNode target : release.path("targets")) {
      String pullspec = Json.text(target, "pullspec");
      String error = Json.text(target, "last_error");
      String outcome = Json.text(target, "outcome");
      if (!outcome.isEmpty() || Json.text(target, "state").equals("DONE")) {
        once(
            "target:" + pullspec,
            Look.PLAIN,
            "promoted   %s%s"
                .formatted(
                    pullspec,
                    outcome.equalsIgnoreCase("unchanged") ? " (it was there already)" : ""));
      } else if (!error.isEmpty()) {
        once(
            "target:" + pullspec + error,
            Look.BAD,
            "promotion  %s: %s; it will be tried again"
                .formatted(Json.text(target, "registry"), error));
      }
    }
    String state = Json.text(release, "state");
    switch (state) {
      case "PROMOTED" -> once("release:PROMOTED", Look.GOOD, "release    promoted");
      case "BLOCKED" -> once("release:BLOCKED", Look.BAD, "release    blocked");
      case "WITHDRAWN" -> once("release:WITHDRAWN", Look.PLAIN, "release    withdrawn");
      case "PROMOTING" -> once("release:PROMOTING", Look.PLAIN, "release    promoting");
      default -> {
        // Testing is told by the tests.
      }
    }
  }

  private static String firstLine(JsonNode node, String otherwise) {
    String reason = Json.text(node, "reason");
    String message = Json.text(node, "message").strip();
    String line = message.lines().findFirst().orElse("");
    if (reason.isEmpty()) {
      return line.isEmpty() ? otherwise : line;
    }
    return line.isEmpty() ? reason : reason + ", " + line;
  }

  private void once(String fact, Look look, String text) {
    if (told.add(fact)) {
      add(look, text);
    }
  }

  private void add(Look look, String text) {
    lines.add(new Line(look, text));
  }
}
