package dev.grange.cli.terminal;

import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * Durations as people write them: {@code 90s}, {@code 15m}, {@code 1h30m}; a bare number is
 * seconds.
 */
public final class Durations implements ITypeConverter<Duration> {

  private static final Pattern WRITTEN =
      Pattern.compile("(?:(\\d{1,6})d)?(?:(\\d{1,7})h)?(?:(\\d{1,8})m)?(?:(\\d{1,9})s?)?");

  @Override
  public Duration convert(String value) {
    Matcher written = WRITTEN.matcher(value.strip().toLowerCase(Locale.ROOT));
    if (value.isBlank() || !written.matches()) {
      throw new TypeConversionException(
          "'%s' is no duration; write for example 90s, 15m or 1h30m".formatted(value));
    }
    Duration duration =
        Duration.ofDays(number(written, 1))
            .plusHours(number(written, 2))
            .plusMinutes(number(written, 3))
            .plusSeconds(number(written, 4));
    if (duration.isZero()) {
      throw new TypeConversionException("a duration of zero makes no sense here");
    }
    return duration;
  }

  private static long number(Matcher matcher, int group) {
    String digits = matcher.group(group);
    return digits == null ? 0 : Long.parseLong(digits);
  }

  /** Short and readable: {@code 0.8 s}, {@code 42 s}, {@code 3 min 7 s}, {@code 2 h 5 min}. */
  public static String human(Duration duration) {
    long seconds = duration.toSeconds();
    if (seconds < 10) {
      return "%.1f s".formatted(duration.toMillis() / 1000.0);
    }
    if (seconds < 60) {
      return seconds + " s";
    }
    if (seconds < 3600) {
      return "%d min %d s".formatted(seconds / 60, seconds % 60);
    }
    return "%d h %d min".formatted(seconds / 3600, seconds % 3600 / 60);
  }

  /** The time between two RFC 3339 texts; empty when one of them is missing. */
  public static String between(String from, String to) {
    try {
      return from.isEmpty() || to.isEmpty()
          ? ""
          : human(Duration.between(Instant.parse(from), Instant.parse(to)));
    } catch (DateTimeParseException e) {
      return "";
    }
  }
}
