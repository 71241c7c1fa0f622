package dev.grange.scheduler.attempt;

import java.util.UUID;

/**
 * The attempt is no longer this scheduler's: its row has another epoch, or has ended. Nothing was
 * written.
 */
final class Fenced extends Exception {
  private static final long serialVersionUID = 1L;

  Fenced(UUID attempt) {
    super("attempt " + attempt + " is another scheduler's now, or has ended", null, false, false);
  }
}
