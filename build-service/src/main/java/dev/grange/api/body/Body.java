package dev.grange.api.body;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.grange.api.problem.ProblemException;
import dev.grange.api.problem.ProblemType;
import java.io.IOException;
import java.io.InputStream;

/** The body of a request as one JSON value. */
public final class Body {

  /** A reader of its own: what strangers send is read more strictly than what the farm wrote. */
  private static final JsonMapper JSON =
      JsonMapper.builder(
              JsonFactory.builder()
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxNestingDepth(20)
                          .maxNumberLength(20)
                          .maxNameLength(1000)
                          .build())
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private Body() {}

  /**
   * Reads a body.
   *
   * @param tooLarge what to say when it has more bytes than the limit
   */
  public static byte[] bytes(InputStream body, int limit, String tooLarge) throws IOException {
    byte[] bytes = body.readNBytes(limit + 1);
    if (bytes.length > limit) {
      throw new ProblemException(ProblemType.REQUEST_TOO_LARGE, tooLarge);
    }
    return bytes;
  }

  /** The one value that a body is. */
  public static JsonNode parse(byte[] bytes) throws IOException {
    try {
      JsonNode node = JSON.readTree(bytes);
      if (node == null || node.isMissingNode()) {
        throw new ProblemException(ProblemType.MALFORMED_JSON, "The body is empty.");
      }
      return node;
    } catch (JsonProcessingException e) {
      JsonLocation at = e.getLocation();
      String where =
          at == null ? "" : " at line " + at.getLineNr() + ", column " + at.getColumnNr();
      throw new ProblemException(
          ProblemType.MALFORMED_JSON,
          "The body cannot be read as one JSON value"
              + where
              + ". Check quotes, commas and braces, that no name is there twice and that nothing"
              + " follows.");
    }
  }
}
