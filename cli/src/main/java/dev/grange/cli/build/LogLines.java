package dev.grange.cli.build;

import dev.grange.cli.terminal.Durations;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Makes lines of log pieces, which end anywhere, and readable headings of section markers. The
 * markers are for people: a RUN line can forge them, so nothing here decides anything.
 */
final class LogLines {

  private static final Pattern MARKER =
      Pattern.compile(
          "::grange::section::([A-Za-z0-9_-]{1,40})::(start|end)::([^:\\s]*(?::[^:\\s]+)*?)(?:::exit=(-?\\d+))?");

  /** A line to show; a heading stands for a marker. */
  record Line(String text, boolean heading) {}

  /** What the markers in a log's tail say about where it stopped. */
  record Tail(String step, List<String> lines) {}

  private static final class Open {
    private final StringBuilder rest = new StringBuilder();
    private final Map<String, String> startedAt = new LinkedHashMap<>();
  }

  private final Map<String, Open> attempts = new LinkedHashMap<>();

  List<Line> add(String attempt, String text) {
    Open open = attempts.computeIfAbsent(attempt, _ -> new Open());
    open.rest.append(text);
    List<Line> lines = new ArrayList<>();
    int from = 0;
    for (int end = open.rest.indexOf("\n"); end >= 0; end = open.rest.indexOf("\n", from)) {
      lines.add(line(open, open.rest.substring(from, end)));
      from = end + 1;
    }
    open.rest.delete(0, from);
    return lines;
  }

  /** What is left without a line end, when nothing more will come. */
  List<Line> finish(String attempt) {
    Open open = attempts.get(attempt);
    if (open == null || open.rest.isEmpty()) {
      return List.of();
    }
    String rest = open.rest.toString();
    open.rest.setLength(0);
    return List.of(line(open, rest));
  }

  private static Line line(Open open, String raw) {
    String text = raw.endsWith("\r") ? raw.substring(0, raw.length() - 1) : raw;
    Matcher marker = MARKER.matcher(text);
    if (!marker.matches()) {
      return new Line(text, false);
    }
    String name = marker.group(1);
    if (marker.group(2).equals("start")) {
      open.startedAt.put(name, marker.group(3));
      return new Line("── " + name, true);
    }
    String exit = marker.group(4);
    String took = Durations.between(open.startedAt.getOrDefault(name, ""), marker.group(3));
    boolean well = exit == null || exit.equals("0");
    return new Line(
        "── "
            + name
            + (well ? " done" : " failed with exit " + exit)
            + (took.isEmpty() ? "" : " after " + took),
        true);
  }

  /**
   * The last lines of a log, and the step in which it stopped (empty when the markers do not say).
   */
  static Tail tail(String log, int count) {
    String step = "";
    List<String> lines = new ArrayList<>();
    for (String raw : log.lines().toList()) {
      String text = raw.strip();
      Matcher marker = MARKER.matcher(text);
      if (marker.matches()) {
        String exit = marker.group(4);
        boolean start = marker.group(2).equals("start");
        step = start || (exit != null && !exit.equals("0")) ? marker.group(1) : "";
      } else if (!text.isEmpty()) {
        lines.add(raw.stripTrailing());
      }
    }
    return new Tail(step, lines.subList(Math.max(0, lines.size() - count), lines.size()));
  }
}
