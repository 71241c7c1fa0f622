package dev.grange.api.build;

import dev.grange.api.problem.ProblemException;
import dev.grange.api.problem.ProblemType;
import dev.grange.domain.image.CanonicalJson;
import dev.grange.store.api.Builds;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Where a list goes on: the last row of the page before, and a mark of the list that it belongs to.
 * It carries no right: what the caller may see is decided for every page anew.
 */
final class Cursor {
  private static final Pattern FORM =
      Pattern.compile("1\\.(-?\\d{1,18})\\.([0-9a-f-]{36})\\.([0-9a-f]{16})");

  private Cursor() {}

  static String write(Builds.Position position, String list) {
    long micros = ChronoUnit.MICROS.between(Instant.EPOCH, position.createdAt());
    String text = "1." + micros + "." + position.id() + "." + list;
    return Base64.getUrlEncoder()
        .withoutPadding()
        .encodeToString(text.getBytes(StandardCharsets.US_ASCII));
  }

  static Builds.Position read(String cursor, String list) {
    try {
      String text = new String(Base64.getUrlDecoder().decode(cursor), StandardCharsets.US_ASCII);
      Matcher matcher = FORM.matcher(text);
      if (matcher.matches() && matcher.group(3).equals(list)) {
        return new Builds.Position(
            Instant.EPOCH.plus(Long.parseLong(matcher.group(1)), ChronoUnit.MICROS),
            UUID.fromString(matcher.group(2)));
      }
    } catch (IllegalArgumentException e) {
      throw refused();
    }
    throw refused();
  }

  /** The mark of a list: another filter is another list. */
  static String list(@Nullable String project, @Nullable String image, List<String> states) {
    Map<String, @Nullable Object> filter = new TreeMap<>();
    filter.put("project", project);
    filter.put("image", image);
    filter.put("states", states);
    return HexFormat.of().formatHex(CanonicalJson.sha256(filter), 0, 8);
  }

  private static ProblemException refused() {
    return new ProblemException(
        ProblemType.INVALID_CURSOR,
        "Take the cursor from \"next_cursor\" of the page before, with the same filters, or start"
            + " without one.");
  }
}
