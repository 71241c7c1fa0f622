package dev.grange.domain.image;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collection;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * JSON with exactly one spelling for each value, so that equal values have equal digests: keys in
 * order of their UTF-16 code units, no blanks, the escapes of RFC 8785. Numbers are integers.
 */
public final class CanonicalJson {

  private CanonicalJson() {}

  /**
   * The one spelling of a value.
   *
   * @param value a {@link Map} with string keys, a {@link Collection}, a {@link CharSequence}, an
   *     {@link Integer}, a {@link Long}, a {@link Boolean} or null
   * @throws IllegalArgumentException for anything else
   */
  public static String write(@Nullable Object value) {
    StringBuilder out = new StringBuilder();
    append(out, value);
    return out.toString();
  }

  /** The SHA-256 of the canonical form in UTF-8. */
  public static byte[] sha256(@Nullable Object value) {
    try {
      return MessageDigest.getInstance("SHA-256")
          .digest(write(value).getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  static String digest(@Nullable Object value) {
    return "sha256:" + HexFormat.of().formatHex(sha256(value));
  }

  private static void append(StringBuilder out, @Nullable Object value) {
    switch (value) {
      case null -> out.append("null");
      case Boolean bool -> out.append(bool.booleanValue());
      case Integer number -> out.append(number.intValue());
      case Long number -> out.append(number.longValue());
      case CharSequence text -> appendText(out, text);
      case Map<?, ?> map -> appendMap(out, map);
      case Collection<?> items -> {
        out.append('[');
        String comma = "";
        for (Object item : items) {
          out.append(comma);
          append(out, item);
          comma = ",";
        }
        out.append(']');
      }
      default -> throw new IllegalArgumentException("no canonical form for " + value.getClass());
    }
  }

  private static void appendMap(StringBuilder out, Map<?, ?> map) {
    TreeMap<String, @Nullable Object> sorted = new TreeMap<>();
    map.forEach((key, item) -> sorted.put((String) key, item));
    out.append('{');
    String comma = "";
    for (Map.Entry<String, @Nullable Object> entry : sorted.entrySet()) {
      out.append(comma);
      appendText(out, entry.getKey());
      out.append(':');
      append(out, entry.getValue());
      comma = ",";
    }
    out.append('}');
  }

  private static void appendText(StringBuilder out, CharSequence text) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\b' -> out.append("\\b");
        case '\f' -> out.append("\\f");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        default -> {
          if (c < ' ') {
            out.append(String.format("\\u%04x", (int) c));
          } else {
            out.append(c);
          }
        }
      }
    }
    out.append('"');
  }
}
