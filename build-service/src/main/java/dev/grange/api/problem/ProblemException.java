package dev.grange.api.problem;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Ends a request with a {@link Problem}. It is an answer, not an accident: it has no stack. */
public final class ProblemException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final ProblemType type;
  private final transient List<Problem.Detail> errors;
  private final transient Map<String, String> headers = new LinkedHashMap<>();

  public ProblemException(ProblemType type, String detail) {
    this(type, detail, List.of());
  }

  public ProblemException(ProblemType type, String detail, List<Problem.Detail> errors) {
    super(detail, null, false, false);
    this.type = type;
    this.errors = List.copyOf(errors);
  }

  /** The same problem for a thing that is not there and for one that the caller may not see. */
  public static ProblemException notFound(String what) {
    return new ProblemException(
        ProblemType.NOT_FOUND,
        "There is no "
            + what
            + " here, or this token may not see it. Check the id and the token's"
            + " project.");
  }

  public ProblemException withHeader(String name, String value) {
    headers.put(name, value);
    return this;
  }

  public ProblemType type() {
    return type;
  }

  List<Problem.Detail> errors() {
    return errors;
  }

  Map<String, String> headers() {
    return headers;
  }

  String detail() {
    String message = getMessage();
    return message == null ? type.title() : message;
  }
}
