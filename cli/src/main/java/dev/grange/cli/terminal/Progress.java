package dev.grange.cli.terminal;

import java.io.PrintStream;
import java.util.Map;

/**
 * What a person sees while something goes on. Lines stay; on a terminal one status line lives below
 * them. Everything goes to stderr, because stdout is for data.
 */
public final class Progress {

  /** How a line is to stand out, where there are colours. */
  public enum Look {
    PLAIN(""),
    FAINT("\u001B[2m"),
    STRONG("\u001B[1m"),
    GOOD("\u001B[32m"),
    BAD("\u001B[31m");

    private final String code;

    Look(String code) {
      this.code = code;
    }
  }

  private static final String SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";

  private final PrintStream err;
  private final boolean quiet;
  private final boolean live;
  private final boolean colour;
  private final int columns;
  private String status = "";
  private boolean shown;
  private int turn;

  private Progress(PrintStream err, boolean quiet, boolean live, boolean colour, int columns) {
    this.err = err;
    this.quiet = quiet;
    this.live = live;
    this.colour = colour;
    this.columns = columns;
  }

  /**
   * Progress as it suits what stderr is.
   *
   * @param environment the launcher says in GRANGE_TERMINAL whether stderr is a terminal: the shell
   *     knows for nothing, while Java would have to load a console for it
   */
  public static Progress on(PrintStream err, Map<String, String> environment, boolean quiet) {
    boolean terminal =
        environment.getOrDefault("GRANGE_TERMINAL", "").contains("stderr")
            && !environment.getOrDefault("TERM", "dumb").equals("dumb");
    boolean colour = terminal && environment.getOrDefault("NO_COLOR", "").isEmpty();
    int columns = 80;
    try {
      columns = Integer.parseInt(environment.getOrDefault("COLUMNS", "80"));
    } catch (NumberFormatException e) {
      // A terminal without a width is as wide as terminals have always been.
    }
    return new Progress(err, quiet, terminal, colour, Math.max(columns, 20));
  }

  public synchronized void line(String text) {
    line(Look.PLAIN, text);
  }

  public synchronized void line(Look look, String text) {
    if (quiet) {
      return;
    }
    clear();
    if (colour && look != Look.PLAIN) {
      err.println(look.code + Plain.text(text) + "\u001B[0m");
    } else {
      err.println(Plain.text(text));
    }
    show();
    err.flush();
  }

  /** A line of somebody's log. */
  public synchronized void log(String prefix, String text) {
    if (quiet) {
      return;
    }
    clear();
    err.println(prefix + (colour ? Plain.coloured(text) : Plain.text(text)));
    show();
    err.flush();
  }

  /** Sets the status line, and turns its wheel. Without a terminal there is none. */
  public synchronized void status(String text) {
    if (quiet || !live) {
      return;
    }
    status = Plain.text(text);
    turn++;
    clear();
    show();
    err.flush();
  }

  /** Takes the status line away, for good. */
  public synchronized void end() {
    clear();
    status = "";
    err.flush();
  }

  private void clear() {
    if (shown) {
      err.print("\r\u001B[K");
      shown = false;
    }
  }

  private void show() {
    if (live && !status.isEmpty()) {
      String text = SPINNER.charAt(turn % SPINNER.length()) + " " + status;
      err.print(text.length() < columns ? text : text.substring(0, columns - 1));
      shown = true;
    }
  }
}
