package dev.grange.api.problem;

import java.util.Locale;

/**
 * Every way in which the API says no. The code is part of the contract: programs compare it, and it
 * is never renamed.
 */
public enum ProblemType {
  MALFORMED_JSON(400, "The body is not JSON", false),
  UNKNOWN_FIELD(400, "The body has a field that is not known here", false),
  INVALID_FIELD(400, "A field has a value that it cannot have", false),
  INVALID_CONTAINERFILE(400, "The Containerfile cannot be read", false),
  INVALID_IMAGE(400, "The image's name is none", false),
  INVALID_TAG(400, "A tag is none", false),
  INVALID_PARAMETER(400, "A parameter of the request has a value that it cannot have", false),
  INVALID_CURSOR(400, "The cursor does not belong to this list", false),
  INVALID_CONTEXT_ARCHIVE(400, "The archive cannot be a context", false),
  UNAUTHENTICATED(401, "A valid token is needed", false),
  FORBIDDEN(403, "The token does not allow this", false),
  NOT_FOUND(404, "There is no such thing", false),
  METHOD_NOT_ALLOWED(405, "This resource does not know that method", false),
  NOT_ACCEPTABLE(406, "There is no such representation", false),
  ALREADY_FINISHED(409, "It is over already", false),
  NOT_FINISHED(409, "It is not over yet", true),
  PRECONDITION_FAILED(412, "It is not as the request expects it", false),
  CONTEXT_TOO_LARGE(413, "The context is too large", false),
  REQUEST_TOO_LARGE(413, "The body is too large", false),
  UNSUPPORTED_MEDIA_TYPE(415, "The body has a type that is not taken here", false),
  RANGE_NOT_SATISFIABLE(416, "There is nothing in that range", true),
  IDEMPOTENCY_KEY_REUSED(422, "The key was used for another request", false),
  INTERNAL(500, "Something unexpected happened", true),
  UNAVAILABLE(503, "Something that is needed does not answer", true);

  private final int status;
  private final String title;
  private final boolean retryable;

  ProblemType(int status, String title, boolean retryable) {
    this.status = status;
    this.title = title;
    this.retryable = retryable;
  }

  public int status() {
    return status;
  }

  public String title() {
    return title;
  }

  /** Whether the same request may succeed later. */
  public boolean retryable() {
    return retryable;
  }

  public String code() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
