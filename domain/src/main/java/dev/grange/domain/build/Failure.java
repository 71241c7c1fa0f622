package dev.grange.domain.build;

/**
 * Why something ended without success.
 *
 * @param message for people: a sentence, then the last lines of the log where there is one; at most
 *     {@value #MAX_MESSAGE} characters
 */
public record Failure(Reason reason, String message) {
  public static final int MAX_MESSAGE = 3000;

  public Failure {
    if (message.length() > MAX_MESSAGE) {
      // the end of a log says more than its beginning
      message = "…" + message.substring(message.length() - MAX_MESSAGE + 1);
    }
    message = storable(message);
  }

  /** PostgreSQL's text cannot hold NUL, and UTF-8 cannot hold half a pair of surrogates. */
  private static String storable(String text) {
    StringBuilder clean = new StringBuilder(text.length());
    text.codePoints()
        .map(
            c ->
                c == 0 || (c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE)
                    ? 0xFFFD
                    : c)
        .forEach(clean::appendCodePoint);
    return clean.toString();
  }
}
