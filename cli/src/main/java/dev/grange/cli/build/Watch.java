package dev.grange.cli.build;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import dev.grange.cli.farm.Api;
import dev.grange.cli.farm.ApiException;
import dev.grange.cli.farm.CommandFailure;
import dev.grange.cli.farm.ExitCode;
import dev.grange.cli.farm.Json;
import dev.grange.cli.farm.ServerEvent;
import dev.grange.cli.terminal.Durations;
import dev.grange.cli.terminal.Progress;
import dev.grange.cli.terminal.Progress.Look;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Follows one build. Three threads ask (the state, the log, the events) and put what they hear into
 * one queue; one thread reads it and prints. Nothing else is shared but a flag.
 */
public final class Watch {

  /**
   * What to follow.
   *
   * @param limit how long to wait at most, null for as long as it takes
   * @param log whether the log is shown
   * @param events whether the published events are shown
   */
  public record Choice(Goal goal, @Nullable Duration limit, boolean log, boolean events) {}

  private sealed interface Signal {}

  private record Seen(JsonNode build) implements Signal {}

  private record LogPiece(String attempt, String kind, String text, long next) implements Signal {}

  private record LogEnded(String trouble) implements Signal {}

  private record Happened(JsonNode item) implements Signal {}

  private record Trouble(CommandFailure failure) implements Signal {}

  private static final Duration LONG_POLL = Duration.ofSeconds(10);
  private static final long PACE_MILLIS = 150;
  private static final long UNCHANGED_PACE_MILLIS = 500;

  /** How long the end of the log is waited for after the end of the build. */
  private static final long LOG_GRACE_NANOS = TimeUnit.SECONDS.toNanos(5);

  private final Api api;
  private final String id;
  private final Choice choice;
  private final Progress progress;
  private final BlockingQueue<Signal> signals = new LinkedBlockingQueue<>();
  private final Story story = new Story();
  private final LogLines logLines = new LogLines();
  private final Map<String, Long> read = new HashMap<>();
  private final Set<String> events = new HashSet<>();
  private final long startedNanos = System.nanoTime();
  private JsonNode latest = Json.MAPPER.missingNode();
  private boolean logEnded;
  private volatile boolean over;

  public Watch(Api api, String id, Choice choice, Progress progress) {
    this.api = api;
    this.id = id;
    this.choice = choice;
    this.progress = progress;
  }

  /** Returns the build as it was when the goal was reached or out of reach. */
  public JsonNode run() {
    logEnded = !choice.log();
    start("state", this::watchState);
    start("events", this::watchEvents);
    if (choice.log()) {
      start("log", this::watchLog);
    }
    try {
      return listen();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CommandFailure(ExitCode.DETACHED, "Interrupted.", e);
    } finally {
      over = true;
      progress.end();
    }
  }

  /** The ids of the events that were heard so far; the caller may go on with the set. */
  public Set<String> events() {
    return events;
  }

  private JsonNode listen() throws InterruptedException {
    long reachedNanos = -1;
    while (true) {
      Signal signal = signals.poll(250, TimeUnit.MILLISECONDS);
      if (signal != null) {
        take(signal);
      }
      progress.status(status());
      long now = System.nanoTime();
      if (choice.goal().verdict(latest).isPresent()) {
        if (reachedNanos < 0) {
          reachedNanos = now;
        }
        if (signals.isEmpty()
            && (logEnded || logComplete() || now - reachedNanos > LOG_GRACE_NANOS)) {
          for (String attempt : List.copyOf(read.keySet())) {
            print(attempt, logLines.finish(attempt));
          }
          return latest;
        }
      } else if (choice.limit() != null && now - startedNanos > choice.limit().toNanos()) {
        throw new CommandFailure(
            ExitCode.WAIT_ENDED,
            "Waited %s; the build goes on.".formatted(Durations.human(choice.limit())));
      }
    }
  }

  private void take(Signal signal) {
    switch (signal) {
      case Seen(JsonNode build) -> {
        if (choice.goal().verdict(latest).isPresent() && choice.goal().verdict(build).isEmpty()) {
          // Two threads look: this answer is older than the last one and came after it.
          return;
        }
        latest = build;
        for (Story.Line line : story.tell(build)) {
          progress.line(line.look(), line.text());
        }
      }
      case LogPiece(String attempt, String kind, String text, long next) -> {
        read.merge(attempt, next, Math::max);
        print(attempt, logLines.add(attempt, text));
      }
      case LogEnded(String trouble) -> {
        logEnded = true;
        if (!trouble.isEmpty()) {
          progress.line(Look.BAD, "log        " + trouble);
        }
      }
      case Happened(JsonNode item) -> {
        if (choice.events() && events.add(Json.text(item, "id"))) {
          progress.line(Look.FAINT, "event      " + Json.text(item, "type"));
        }
      }
      case Trouble(CommandFailure failure) -> throw failure;
    }
  }

  private void print(String attempt, List<LogLines.Line> lines) {
    String prefix = latest.path("platform_builds").size() > 1 ? platformOf(attempt) : "";
    String margin = prefix.isEmpty() ? "    " : "    [" + prefix + "] ";
    for (LogLines.Line line : lines) {
      if (line.heading()) {
        progress.line(Look.STRONG, margin + line.text());
      } else {
        progress.log(margin, line.text());
      }
    }
  }

  private String platformOf(String attemptId) {
    for (JsonNode platform : latest.path("platform_builds")) {
      for (JsonNode attempt : platform.path("attempts")) {
        if (Json.text(attempt, "id").equals(attemptId)) {
          return Json.text(platform, "platform").replaceFirst("^linux/", "");
        }
      }
    }
    return "";
  }

  /** Whether every byte that the farm has stored was read. */
  private boolean logComplete() {
    for (JsonNode attempt : attempts(latest)) {
      if (read.getOrDefault(Json.text(attempt, "id"), 0L) < attempt.path("log_bytes").asLong()) {
        return false;
      }
    }
    return true;
  }

  private static List<JsonNode> attempts(JsonNode build) {
    List<JsonNode> attempts = new ArrayList<>();
    build.path("platform_builds").forEach(p -> p.path("attempts").forEach(attempts::add));
    build.path("release").path("tests").forEach(t -> t.path("attempts").forEach(attempts::add));
    return attempts;
  }

  private String status() {
    List<String> parts = new ArrayList<>();
    String state = Json.text(latest, "state");
    for (JsonNode attempt : attempts(latest)) {
      if (attempt.path("finished_at").isNull() || attempt.path("finished_at").isMissingNode()) {
        parts.add("%s on %s".formatted(Json.text(attempt, "state"), Json.text(attempt, "cluster")));
      }
    }
    if (parts.isEmpty()) {
      String release = Json.text(latest.path("release"), "state");
      parts.add(state.equals("SUCCEEDED") && !release.isEmpty() ? release : state);
    }
    Duration elapsed = Duration.ofNanos(System.nanoTime() - startedNanos);
    return String.join(", ", parts)
        + " · %d:%02d".formatted(elapsed.toMinutes(), elapsed.toSecondsPart());
  }

  private void start(String name, Runnable task) {
    Thread.ofPlatform().daemon().name("watch-" + name).start(task);
  }

  private void watchState() {
    try {
      JsonNode before = look(null);
      while (!over && choice.goal().verdict(before).isEmpty()) {
        JsonNode now = look(LONG_POLL);
        // A farm that does not hold the answer back must not be asked in a busy loop.
        TimeUnit.MILLISECONDS.sleep(now.equals(before) ? UNCHANGED_PACE_MILLIS : PACE_MILLIS);
        before = now;
      }
    } catch (CommandFailure e) {
      signals.add(new Trouble(e));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private JsonNode look(@Nullable Duration wait) {
    String path = "/builds/" + Api.encode(id);
    JsonNode build = wait == null ? api.get(path) : api.getWhenChanged(path, wait);
    signals.add(new Seen(build));
    return build;
  }

  /**
   * Events also tell when to look again: between two long polls a state may change unseen, and the
   * next poll would then wait for the change after it.
   */
  private void watchEvents() {
    try {
      api.follow(
          "/builds/" + Api.encode(id) + "/events",
          event -> {
            JsonNode item = parse(event);
            if (!over && item.isObject()) {
              signals.add(new Happened(item));
              look(null);
            }
          },
          () -> over || latestIsFinal());
    } catch (CommandFailure e) {
      // The state is polled anyway; without events only their lines are missing.
      if (!(e instanceof ApiException)) {
        signals.add(new Trouble(e));
      }
    }
  }

  private boolean latestIsFinal() {
    return api.get("/builds/" + Api.encode(id)).path("final").asBoolean();
  }

  private void watchLog() {
    try {
      api.follow(
          "/builds/" + Api.encode(id) + "/log",
          event -> {
            JsonNode piece = parse(event);
            if (piece.isObject()) {
              signals.add(
                  new LogPiece(
                      Json.text(piece, "attempt"),
                      Json.text(piece, "kind"),
                      Json.text(piece, "text"),
                      nextOffset(event, piece)));
            }
          },
          () -> over || latestIsFinal());
      signals.add(new LogEnded(""));
    } catch (CommandFailure e) {
      signals.add(new LogEnded(e.sentence()));
    }
  }

  private static long nextOffset(ServerEvent event, JsonNode piece) {
    int colon = event.id().lastIndexOf(':');
    try {
      return Long.parseLong(event.id().substring(colon + 1));
    } catch (NumberFormatException e) {
      return piece.path("offset").asLong();
    }
  }

  private static JsonNode parse(ServerEvent event) {
    try {
      return Json.MAPPER.readTree(event.data());
    } catch (JsonProcessingException e) {
      return Json.MAPPER.missingNode();
    }
  }
}
