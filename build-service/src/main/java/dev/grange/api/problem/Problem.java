package dev.grange.api.problem;

import jakarta.ws.rs.core.Response;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/** What an error answers: RFC 9457, with a code for programs and the places that are at fault. */
@Schema(
    name = "Problem",
    description = "An error, as in RFC 9457. `code` is for programs, `detail` says what to do.")
public record Problem(
    @Schema(examples = "/problems/invalid-field") String type,
    String title,
    @Schema(examples = "400") int status,
    @Schema(description = "What to do about it.") String detail,
    @Schema(description = "The path of the request, or the id of the error for code internal.")
        String instance,
    @Schema(examples = "invalid-field") String code,
    @Schema(description = "Whether the same request may succeed later.") boolean retryable,
    @Schema(description = "Everything that is wrong with the request.") List<Detail> errors) {

  public static final String MEDIA_TYPE = "application/problem+json";

  /** One thing that is wrong. */
  @Schema(name = "ProblemDetail")
  public record Detail(
      String detail,
      @Schema(
              nullable = true,
              description = "Where, as a JSON pointer (RFC 6901) into the body.",
              examples = "/tags/0")
          @Nullable String pointer) {}

  static Response response(ProblemType type, String detail, String instance, List<Detail> errors) {
    Problem problem =
        new Problem(
            "/problems/" + type.code(),
            type.title(),
            type.status(),
            detail,
            instance,
            type.code(),
            type.retryable(),
            errors);
    Response.ResponseBuilder response =
        Response.status(type.status()).type(MEDIA_TYPE).entity(problem);
    switch (type) {
      case UNAVAILABLE -> response.header("Retry-After", 5);
      case NOT_FINISHED -> response.header("Retry-After", 30);
      case UNAUTHENTICATED -> response.header("WWW-Authenticate", "Bearer realm=\"grange\"");
      default -> {
        // the others have no header of their own
      }
    }
    return response.build();
  }
}
