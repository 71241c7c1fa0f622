package dev.grange.cli.build;

import com.fasterxml.jackson.databind.JsonNode;
import dev.grange.cli.farm.Api;
import dev.grange.cli.farm.FarmOptions;
import dev.grange.cli.farm.Json;
import dev.grange.cli.farm.Surroundings;
import dev.grange.cli.terminal.Durations;
import dev.grange.cli.terminal.Output;
import dev.grange.cli.terminal.Plain;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

@Command(name = "show", description = "Show one build with its attempts, tests and promotions.")
final class BuildShow implements Runnable {

  private final Surroundings surroundings;

  @Parameters(paramLabel = "BUILD", description = "The build's id.")
  String id = "";

  @Mixin Output output = new Output();
  @Mixin FarmOptions farm = new FarmOptions();

  BuildShow(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public void run() {
    JsonNode build = farm.connect(surroundings).get("/builds/" + Api.encode(id));
    output.one(
        surroundings.out(),
        build,
        node -> Json.text(node, "id"),
        () -> print(build, surroundings.out()));
  }

  private static void print(JsonNode build, PrintStream out) {
    Plain.line(out, "Build", Json.text(build, "id"));
    List<String> tags = new ArrayList<>();
    build.path("tags").forEach(tag -> tags.add(tag.asText()));
    Plain.line(out, "Image", Json.text(build, "image") + "  " + String.join(", ", tags));
    Plain.line(out, "Project", Json.text(build, "project"));
    Plain.line(
        out,
        "State",
        Json.text(build, "state")
            + (build.path("cancel_requested").asBoolean() ? ", cancel requested" : ""));
    failure(out, build.path("failure"));
    JsonNode waiting = build.path("waiting");
    Plain.line(out, "Waiting", Json.text(waiting, "message"));
    Plain.line(out, "By", Json.text(build, "principal"));
    Plain.line(out, "Created", Json.text(build, "created_at"));
    Plain.line(
        out,
        "Took",
        Durations.between(Json.text(build, "started_at"), Json.text(build, "finished_at")));
    Plain.line(out, "Queued", clock(build, "queued_seconds", "queue_limit_seconds"));
    Plain.line(out, "Ran", clock(build, "ran_seconds", "timeout_seconds"));
    Plain.line(out, "Retry of", Json.text(build, "retry_of"));
    Plain.line(out, "Candidate", Json.text(build.path("candidate"), "pullspec"));
    for (JsonNode platform : build.path("platform_builds")) {
      out.println();
      Plain.line(
          out, "Platform", Json.text(platform, "platform") + "  " + Json.text(platform, "state"));
      Plain.line(out, "  Digest", Json.text(platform, "digest"));
      attempts(out, platform.path("attempts"));
    }
    release(out, build.path("release"));
  }

  private static void release(PrintStream out, JsonNode release) {
    if (!release.isObject()) {
      return;
    }
    out.println();
    Plain.line(out, "Release", Json.text(release, "id") + "  " + Json.text(release, "state"));
    Plain.line(
        out,
        "  Policy",
        (Json.text(release, "policy") + " " + Json.text(release, "policy_version")).strip());
    for (JsonNode test : release.path("tests")) {
      String message = Json.text(test, "message").lines().findFirst().orElse("");
      Plain.line(
          out,
          "  Test",
          "%s %s  %s%s"
              .formatted(
                  Json.text(test, "test_case"),
                  Json.text(test, "platform"),
                  Json.text(test, "outcome"),
                  message.isEmpty() ? "" : ": " + message));
    }
    for (JsonNode target : release.path("targets")) {
      Plain.line(
          out,
          "  Target",
          "%s  %s"
              .formatted(
                  Json.text(target, "pullspec"),
                  (Json.text(target, "state") + " " + Json.text(target, "outcome")).strip()));
      target.path("tag_pullspecs").forEach(tag -> Plain.line(out, "    Tag", tag.asText()));
      Plain.line(out, "    Trouble", Json.text(target, "last_error"));
    }
  }

  private static void attempts(PrintStream out, JsonNode attempts) {
    for (JsonNode attempt : attempts) {
      Plain.line(
          out,
          "  Attempt " + Json.text(attempt, "number"),
          "%s on %s%s  %s"
              .formatted(
                  Json.text(attempt, "state"),
                  Json.text(attempt, "cluster"),
                  Json.text(attempt, "node").isEmpty() ? "" : ", " + Json.text(attempt, "node"),
                  clocks(attempt)));
      failure(out, attempt.path("failure"));
      JsonNode kept = attempt.path("kept_pod");
      if (kept.isObject()) {
        Plain.line(
            out,
            "    Kept",
            "pod %s on %s until %s"
                .formatted(
                    Json.text(kept, "name"),
                    Json.text(attempt, "cluster"),
                    Json.text(kept, "until")));
      }
    }
  }

  /** Waiting and running are two clocks, each with a limit of its own. */
  private static String clock(JsonNode build, String spent, String limit) {
    return build.path(spent).isNumber()
        ? "%s of at most %s"
            .formatted(
                Durations.human(seconds(build.path(spent))),
                Durations.human(seconds(build.path(limit))))
        : "";
  }

  private static String clocks(JsonNode attempt) {
    if (!attempt.path("queued_seconds").isNumber()) {
      return "";
    }
    String queued = "queued " + Durations.human(seconds(attempt.path("queued_seconds")));
    return Json.text(attempt, "building_at").isEmpty()
        ? queued
        : queued + ", ran " + Durations.human(seconds(attempt.path("ran_seconds")));
  }

  private static Duration seconds(JsonNode seconds) {
    return Duration.ofMillis((long) (seconds.asDouble() * 1000));
  }

  private static void failure(PrintStream out, JsonNode failure) {
    if (failure.isObject()) {
      String fault = Json.text(failure, "fault");
      // nobody's: what ran was taken away, and is run again
      String whose = fault.isEmpty() ? "interrupted" : fault;
      Plain.line(out, "  Failure", whose + ", " + Json.text(failure, "reason"));
      Json.text(failure, "message").lines().forEach(text -> Plain.line(out, "", text));
    }
  }
}
