package dev.grange.scheduler.cluster;

import dev.grange.domain.build.Reason;
import java.io.IOException;

/** A cluster did not do what was asked, or it is not known whether it did. */
public final class ClusterException extends IOException {
  private static final long serialVersionUID = 1L;

  private final Reason reason;

  public ClusterException(Reason reason, String message, Throwable cause) {
    super(message, cause);
    this.reason = reason;
  }

  /** What the attempt's failure is called if this is the last word. */
  public Reason reason() {
    return reason;
  }
}
