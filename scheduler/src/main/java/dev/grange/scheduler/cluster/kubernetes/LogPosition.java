package dev.grange.scheduler.cluster.kubernetes;

import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.time.temporal.ChronoUnit;
import org.jspecify.annotations.Nullable;

/**
 * Where to go on in a container's log.
 *
 * <p>The API reads a log from a second on, and only so ({@code sinceTime} loses its fraction on the
 * way to the kubelet). So a position counts the lines of the last second that were read.
 *
 * @param last the time of the last whole line; null before there was one
 * @param lines whole lines since the beginning of that second; before there was a last one, 0
 * @param skip bytes of the line after them
 */
record LogPosition(@Nullable Instant last, int lines, long skip) {
  static final LogPosition START = new LogPosition(null, 0, 0);

  /**
   * Reads a position as {@link #toString} writes it.
   *
   * @throws IllegalArgumentException for anything else
   */
  static LogPosition parse(String text) {
    if (text.isEmpty()) {
      return START;
    }
    String[] words = text.split(" ", -1);
    try {
      if (words.length == 3) {
        return new LogPosition(
            words[0].equals("-") ? null : Instant.parse(words[0]),
            Integer.parseInt(words[1]),
            Long.parseLong(words[2]));
      }
    } catch (DateTimeParseException | NumberFormatException e) {
      throw new IllegalArgumentException("no position in a log: " + text, e);
    }
    throw new IllegalArgumentException("no position in a log: " + text);
  }

  /** The beginning of the second of the last line. */
  @Nullable Instant second() {
    return last == null ? null : last.truncatedTo(ChronoUnit.SECONDS);
  }

  LogPosition afterLine(Instant time) {
    Instant second = second();
    Instant of = time.truncatedTo(ChronoUnit.SECONDS);
    if (second == null || of.isAfter(second)) {
      return new LogPosition(time, 1, 0);
    }
    // of an earlier second only after the node's clock was put back: then it is not among the lines
    // that will be read again
    return of.isBefore(second)
        ? new LogPosition(last, lines, 0)
        : new LogPosition(time, lines + 1, 0);
  }

  LogPosition within(long bytes) {
    return new LogPosition(last, lines, skip + bytes);
  }

  @Override
  public String toString() {
    return (last == null ? "-" : last.toString()) + " " + lines + " " + skip;
  }
}
