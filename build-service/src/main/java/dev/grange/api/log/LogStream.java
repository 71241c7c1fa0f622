package dev.grange.api.log;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.grange.api.build.BuildWatch;
import dev.grange.api.stream.EventStream;
import dev.grange.store.api.Builds;
import dev.grange.store.api.Logs;
import dev.grange.store.api.Logs.AttemptLog;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A build's log as it grows.
 *
 * <p>One attempt after the other, never two interleaved: an event's id names one attempt and one
 * offset, so it can only stand for everything before it if there is an order. Who wants to see two
 * platforms at once opens two streams with {@code attempt}.
 */
final class LogStream implements EventStream.Source {
  private static final Pattern EVENT_ID =
      Pattern.compile("([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):(\\d{1,18})");

  /**
   * An attempt that is over and whose log was never said to be complete (its worker never started,
   * or its cluster is gone) holds the others up for this long after its last word.
   */
  private static final Duration SILENCE = Duration.ofSeconds(10);

  private final UUID build;
  private final LogResource.Selection selection;
  private final Builds builds;
  private final Logs logs;
  private final BuildWatch watch;
  private final ObjectMapper json;
  private final Map<UUID, Long> offsets = new HashMap<>();
  private final Map<UUID, Long> silentSince = new HashMap<>();
  private final Set<UUID> done = new HashSet<>();
  private @Nullable UUID resumeAt;

  LogStream(
      UUID build,
      LogResource.Selection selection,
      Builds builds,
      Logs logs,
      BuildWatch watch,
      ObjectMapper json,
      @Nullable String lastEventId) {
    this.build = build;
    this.selection = selection;
    this.builds = builds;
    this.logs = logs;
    this.watch = watch;
    this.json = json;
    Matcher matcher = EVENT_ID.matcher(lastEventId == null ? "" : lastEventId);
    if (matcher.matches()) {
      resumeAt = UUID.fromString(matcher.group(1));
      offsets.put(resumeAt, Long.parseLong(matcher.group(2)));
    }
  }

  @Override
  public void writeTo(EventStream stream) throws IOException, SQLException, InterruptedException {
    try (BuildWatch.Watch hints = watch.open(build)) {
      while (!hints.isOver()) {
        // The status is read first: what was final before the logs were read stays final.
        boolean over = builds.status(build).map(status -> isOver(status)).orElse(true);
        List<AttemptLog> attempts = selection.of(logs.attempts(build));
        skipWhatWasSeen(attempts);
        boolean allDone = true;
        for (AttemptLog attempt : attempts) {
          if (!done.contains(attempt.id()) && !follow(stream, attempt)) {
            allDone = false;
            break;
          }
        }
        if (allDone && over) {
          stream.end();
          return;
        }
        stream.await(hints, silentSince.isEmpty() ? BuildWatch.LOOK : SILENCE);
      }
    }
  }

  /** One attempt ends by itself; a build can have new ones until its release is final. */
  private boolean isOver(Builds.Status status) {
    return selection.attempt() != null || status.isFinal();
  }

  /** Everything in front of the attempt that the client saw last was seen to its end. */
  private void skipWhatWasSeen(List<AttemptLog> attempts) {
    UUID last = resumeAt;
    if (last != null && attempts.stream().anyMatch(attempt -> attempt.id().equals(last))) {
      attempts.stream()
          .takeWhile(attempt -> !attempt.id().equals(last))
          .forEach(attempt -> done.add(attempt.id()));
    }
    resumeAt = null;
  }

  /** Writes what is there; true when nothing more comes of this attempt. */
  private boolean follow(EventStream stream, AttemptLog attempt) throws IOException, SQLException {
    long start = offsets.getOrDefault(attempt.id(), 0L);
    long offset = start;
    while (offset < attempt.bytes()) {
      byte[] bytes = logs.read(attempt.id(), offset);
      int whole = Utf8.wholeCharacters(bytes);
      boolean last = offset + bytes.length >= attempt.bytes();
      if (last && attempt.complete()) {
        whole = bytes.length;
      }
      if (whole == 0) {
        break;
      }
      write(stream, attempt, offset, Arrays.copyOf(bytes, whole));
      offset += whole;
    }
    offsets.put(attempt.id(), offset);
    if (attempt.complete() && offset >= attempt.bytes()) {
      return finish(attempt.id());
    }
    if (!attempt.ended() || offset > start) {
      silentSince.remove(attempt.id());
      if (!attempt.ended()) {
        return false;
      }
    }
    long now = System.nanoTime();
    long since = silentSince.computeIfAbsent(attempt.id(), id -> now);
    return now - since >= SILENCE.toNanos() && finish(attempt.id());
  }

  private boolean finish(UUID attempt) {
    silentSince.remove(attempt);
    return done.add(attempt);
  }

  private void write(EventStream stream, AttemptLog attempt, long offset, byte[] bytes)
      throws IOException {
    Map<String, Object> data = new LinkedHashMap<>();
    data.put("attempt", attempt.id());
    data.put("kind", attempt.kind().toLowerCase(Locale.ROOT));
    data.put("offset", offset);
    data.put("text", new String(bytes, StandardCharsets.UTF_8));
    stream.event(null, attempt.id() + ":" + (offset + bytes.length), json.writeValueAsString(data));
  }
}
