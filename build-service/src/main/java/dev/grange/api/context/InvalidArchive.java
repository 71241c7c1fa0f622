package dev.grange.api.context;

import java.io.IOException;

/** The archive cannot be a context; the message says why, to whoever sent it. */
final class InvalidArchive extends IOException {
  private static final long serialVersionUID = 1L;

  InvalidArchive(String message) {
    super(message);
  }
}
