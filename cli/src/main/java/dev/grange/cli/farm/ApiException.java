package dev.grange.cli.farm;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** The farm answered, and the answer was a refusal (problem+json, RFC 9457). */
public final class ApiException extends CommandFailure {

  private final int status;
  private final String code;
  private final @Nullable Duration retryAfter;

  ApiException(int status, String code, String sentence, @Nullable Duration retryAfter) {
    super(ExitCode.ofHttp(status), sentence);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }

  public int status() {
    return status;
  }

  /** The problem's stable code, or the empty string when whoever answered knows none. */
  public String code() {
    return code;
  }

  @Nullable Duration retryAfter() {
    return retryAfter;
  }
}
