package dev.grange.standalone;

import java.io.PrintStream;

/**
 * What the supervisor tells whoever watches: one short line for each thing that happens, with the
 * part it happened to.
 */
final class Console {
  private final PrintStream out;

  Console(PrintStream out) {
    this.out = out;
  }

  void say(String part, String what) {
    out.printf("%-14s %s%n", part, what);
    out.flush();
  }
}
