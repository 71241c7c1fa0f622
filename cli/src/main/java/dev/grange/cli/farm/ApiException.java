package dev.grange.cli.farm;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** The farm answered, and the answer was a refusal (problem+json, RFC 9457). */
public final class ApiException extends CommandFailure {

  private final int status;
  private final String code;
  private final transient JsonNode errors;
  private final @Nullable Duration retryAfter;

  ApiException(
      int status, String code, String sentence, JsonNode errors, @Nullable Duration retryAfter) {
    super(ExitCode.ofHttp(status), sentence);
    this.status = status;
    this.code = code;
    this.errors = errors;
    this.retryAfter = retryAfter;
  }

  public int status() {
    return status;
  }

  /** The problem's stable code, or the empty string when whoever answered knows none. */
  public String code() {
    return code;
  }

  /**
   * What is wrong with the body: a list of {@code detail} and {@code pointer}, which may be empty.
   */
  public JsonNode errors() {
    return errors;
  }

  @Nullable Duration retryAfter() {
    return retryAfter;
  }
}
