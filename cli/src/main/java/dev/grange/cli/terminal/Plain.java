package dev.grange.cli.terminal;

import java.io.PrintStream;
import java.util.regex.Pattern;

/**
 * Text from elsewhere (logs, messages, names), made safe for a terminal: a RUN line must not be
 * able to move somebody's cursor, rename a window or hide what was printed before.
 */
public final class Plain {

  private static final Pattern ESCAPES =
      Pattern.compile(
          "\u001B(?:\\[[0-?]*["
              + " -/]*[@-~]|\\][^\u0007\u001B]*(?:\u0007|\u001B\\\\)?|[PX^_][^\u001B]*(?:\u001B\\\\)?|["
              + " -/]*[0-~])");
  private static final Pattern CONTROLS = Pattern.compile("[\\p{Cc}&&[^\\t\u001B]]|\u001B(?!\\[)");
  private static final Pattern COLOUR = Pattern.compile("\u001B\\[[0-9;:]*m");

  private Plain() {}

  /** Without any escape sequence or control character. */
  public static String text(String text) {
    return isPlain(text)
        ? text
        : CONTROLS
            .matcher(ESCAPES.matcher(text).replaceAll(""))
            .replaceAll("")
            .replace("\u001B", "");
  }

  /** Prints one fact about a thing, unless there is nothing to say. */
  public static void line(PrintStream out, String name, String value) {
    if (!value.isBlank()) {
      out.printf("%-12s %s%n", name, text(value).stripTrailing());
    }
  }

  /** Without escape sequences other than colours. */
  static String coloured(String text) {
    if (isPlain(text)) {
      return text;
    }
    String kept =
        ESCAPES
            .matcher(text)
            .replaceAll(match -> COLOUR.matcher(match.group()).matches() ? match.group() : "");
    return CONTROLS.matcher(kept).replaceAll("") + (kept.indexOf('\u001B') < 0 ? "" : "\u001B[0m");
  }

  private static boolean isPlain(String text) {
    return text.chars().noneMatch(c -> Character.isISOControl(c) && c != '\t');
  }
}
