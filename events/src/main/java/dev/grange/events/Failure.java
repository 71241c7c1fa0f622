package dev.grange.events;

/**
 * Why something failed.
 *
 * @param fault {@code USER}, {@code CONFIG} or {@code INFRA}; {@code INTERRUPTED} for an attempt
 *     that was taken away and costs no try
 * @param reason one word of the farm's taxonomy
 * @param message for people, with the last log lines; an event carries at most {@value
 *     #MAX_MESSAGE_BYTES} bytes of it
 */
public record Failure(String fault, String reason, String message) {

  /** In UTF-8. An event is a notice, not the log: the whole message is at the API. */
  public static final int MAX_MESSAGE_BYTES = 2048;

  /** The user's own fault is a failure; whatever else went wrong is an error. */
  public Outcome outcome() {
    return fault.equals("USER") ? Outcome.FAILURE : Outcome.ERROR;
  }

  String boundedMessage() {
    return bounded(message);
  }

  /**
   * At most {@link #MAX_MESSAGE_BYTES} bytes of UTF-8. The front is cut: the last lines of a log
   * say what went wrong.
   */
  static String bounded(String text) {
    int bytes = 0;
    int start = text.length();
    while (start > 0) {
      int codePoint = text.codePointBefore(start);
      bytes += utf8Length(codePoint);
      if (bytes > MAX_MESSAGE_BYTES) {
        break;
      }
      start -= Character.charCount(codePoint);
    }
    if (start == 0) {
      return text;
    }
    // Room for the mark itself, on the border of a character.
    int room = utf8Length('…');
    while (room > 0 && start < text.length()) {
      int codePoint = text.codePointAt(start);
      room -= utf8Length(codePoint);
      start += Character.charCount(codePoint);
    }
    return "…" + text.substring(start);
  }

  private static int utf8Length(int codePoint) {
    if (codePoint < 0x80) {
      return 1;
    }
    if (codePoint < 0x800) {
      return 2;
    }
    return codePoint < 0x10000 ? 3 : 4;
  }
}
