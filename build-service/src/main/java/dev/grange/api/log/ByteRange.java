package dev.grange.api.log;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a {@code Range} header asks of a representation (RFC 9110, section 14).
 *
 * @param first the first byte, from 0
 * @param end one past the last byte
 */
record ByteRange(long first, long end) {
  private static final Pattern FORM = Pattern.compile("bytes\\s*=\\s*(\\d{0,18})-(\\d{0,18})");

  /** The header named bytes, and none of them is there. */
  static final ByteRange UNSATISFIABLE = new ByteRange(0, -1);

  /**
   * Reads the header.
   *
   * @return null for the whole: no header, or one that is not understood or names several ranges,
   *     which a server may ignore
   */
  static @Nullable ByteRange of(@Nullable String header, long size) {
    Matcher matcher = FORM.matcher(header == null ? "" : header.strip());
    if (!matcher.matches() || (matcher.group(1).isEmpty() && matcher.group(2).isEmpty())) {
      return null;
    }
    if (matcher.group(1).isEmpty()) {
      long last = Math.min(Long.parseLong(matcher.group(2)), size);
      return last == 0 ? UNSATISFIABLE : new ByteRange(size - last, size);
    }
    long first = Long.parseLong(matcher.group(1));
    long end = size;
    if (!matcher.group(2).isEmpty()) {
      long last = Long.parseLong(matcher.group(2));
      if (last < first) {
        return null;
      }
      end = Math.min(size, last + 1);
    }
    return first >= size ? UNSATISFIABLE : new ByteRange(first, end);
  }

  long length() {
    return end - first;
  }
}
