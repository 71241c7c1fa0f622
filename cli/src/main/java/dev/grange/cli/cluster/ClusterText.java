package dev.grange.cli.cluster;

import com.fasterxml.jackson.databind.JsonNode;
import dev.grange.cli.farm.Json;
import dev.grange.cli.terminal.Plain;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** What is said of a cluster in words. */
final class ClusterText {
  private ClusterText() {}

  static String state(JsonNode cluster) {
    String desired = Json.text(cluster, "desired");
    return desired.equals("DRAINING") && !Json.text(cluster, "drained_at").isEmpty()
        ? "DRAINED"
        : desired;
  }

  static String reachable(JsonNode cluster) {
    if (!cluster.path("reachable").isBoolean()) {
      return "not yet known";
    }
    return cluster.path("reachable").asBoolean() ? "yes" : "no";
  }

  static String slots(JsonNode cluster) {
    String used = Json.text(cluster, "slots_used");
    return (used.isEmpty() ? "" : used + "/") + Json.text(cluster, "slots");
  }

  static String platforms(JsonNode cluster) {
    List<String> platforms = new ArrayList<>();
    cluster.path("platforms").forEach(platform -> platforms.add(platform.asText()));
    return String.join(",", platforms);
  }

  /** Why it is as it is, in a line. */
  static String note(JsonNode cluster) {
    String note = Json.text(cluster, "note").replace('\n', ' ');
    String resume = Json.text(cluster, "resume_at");
    if (Json.text(cluster, "desired").equals("ACTIVE")) {
      return note;
    }
    if (Json.text(cluster, "desired_by").isEmpty() && Json.text(cluster, "version").isEmpty()) {
      return note;
    }
    if (Json.text(cluster, "desired_by").isEmpty()) {
      return "takes work when its first check passes";
    }
    return "by %s%s%s"
        .formatted(
            Json.text(cluster, "desired_by"),
            resume.isEmpty() ? "" : " until " + resume,
            note.isEmpty() ? "" : ": " + note);
  }

  /** Prints what a check found, those that are to be mended last. */
  static void findings(JsonNode cluster, PrintStream out) {
    findings(cluster, out, new HashSet<>());
  }

  /** As the other, without what was printed before. */
  static void findings(JsonNode cluster, PrintStream out, Set<JsonNode> printed) {
    print(cluster, List.of("OK", "NOT_DONE", "WARNING", "FAILED"), out, printed);
  }

  /** Prints what a check that goes on has found, but for what is to be mended: that comes last. */
  static void progress(JsonNode cluster, PrintStream out, Set<JsonNode> printed) {
    if (cluster.path("report").path("checking").asBoolean()) {
      print(cluster, List.of("OK", "WARNING"), out, printed);
    }
  }

  private static void print(
      JsonNode cluster, List<String> statuses, PrintStream out, Set<JsonNode> printed) {
    for (String status : statuses) {
      for (JsonNode finding : cluster.path("report").path("findings")) {
        if (Json.text(finding, "status").equals(status) && printed.add(finding)) {
          out.printf(
              "%-8s  %s: %s%n",
              status,
              Plain.text(Json.text(finding, "check")),
              Plain.text(Json.text(finding, "message")));
        }
      }
    }
  }

  static boolean failed(JsonNode cluster) {
    JsonNode ok = cluster.path("report").path("ok");
    return ok.isBoolean() && !ok.asBoolean();
  }
}
