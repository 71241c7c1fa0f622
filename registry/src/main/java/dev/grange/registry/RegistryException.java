package dev.grange.registry;

import java.io.IOException;

/**
 * A registry did not do what was asked. {@link #retryable()} says whether asking again may help.
 */
public final class RegistryException extends IOException {
  private static final long serialVersionUID = 1L;

  /** Why the registry did not do it. */
  public enum Kind {
    /**
     * No answer: connection refused, reset, timed out. Whether the request was carried out is not
     * known.
     */
    UNREACHABLE,
    /** 401 or 403. */
    UNAUTHORIZED,
    /** 404: no such repository, manifest or blob. */
    NOT_FOUND,
    /** Any other 4xx: the request itself is at fault. */
    REFUSED,
    /** 429 or 5xx. */
    BUSY,
    /** The answer breaks the protocol or does not hash to the digest that was asked for. */
    BROKEN
  }

  private final Kind kind;

  public RegistryException(Kind kind, String message) {
    super(message);
    this.kind = kind;
  }

  RegistryException(Kind kind, String message, Throwable cause) {
    super(message, cause);
    this.kind = kind;
  }

  public Kind kind() {
    return kind;
  }

  public boolean retryable() {
    return switch (kind) {
      case UNREACHABLE, BUSY, BROKEN -> true;
      case UNAUTHORIZED, NOT_FOUND, REFUSED -> false;
    };
  }
}
