package dev.grange.api.build;

import java.time.Duration;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads {@code Prefer: wait=N} (RFC 7240, section 4.3). What is not understood is ignored. */
final class Prefer {
  private static final Pattern WAIT =
      Pattern.compile("(?:^|[,;\\s])wait\\s*=\\s*\"?(\\d{1,6})\"?(?:$|[,;\\s])");

  private Prefer() {}

  /** Zero when nobody wants to wait. */
  static Duration waitFor(List<String> headers, Duration atMost) {
    for (String header : headers) {
      Matcher matcher = WAIT.matcher(header);
      if (matcher.find()) {
        Duration wanted = Duration.ofSeconds(Long.parseLong(matcher.group(1)));
        return wanted.compareTo(atMost) > 0 ? atMost : wanted;
      }
    }
    return Duration.ZERO;
  }
}
