package dev.grange.api.build;

import dev.grange.api.problem.ProblemException;
import dev.grange.api.problem.ProblemType;
import jakarta.ws.rs.core.HttpHeaders;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads the header {@code Idempotency-Key}. The draft (draft-ietf-httpapi-idempotency-key-header)
 * wants a quoted string; most clients send it bare, so both are taken and mean the same.
 */
final class IdempotencyKey {
  private static final Pattern FORM = Pattern.compile("[!-~]{1,255}");

  private IdempotencyKey() {}

  static @Nullable String of(HttpHeaders headers) {
    String header = headers.getHeaderString("Idempotency-Key");
    if (header == null) {
      return null;
    }
    boolean quoted = header.length() >= 2 && header.startsWith("\"") && header.endsWith("\"");
    String key = quoted ? header.substring(1, header.length() - 1) : header;
    if (!FORM.matcher(key).matches()) {
      throw new ProblemException(
          ProblemType.INVALID_PARAMETER,
          "An Idempotency-Key has 1 to 255 printable ASCII characters without blanks; a UUID is a"
              + " good one.");
    }
    return key;
  }
}
