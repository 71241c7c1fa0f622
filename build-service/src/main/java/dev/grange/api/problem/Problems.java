package dev.grange.api.problem;

import dev.grange.registry.RegistryException;
import jakarta.persistence.PersistenceException;
import jakarta.ws.rs.WebApplicationException;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.core.UriInfo;
import java.sql.SQLException;
import java.util.List;
import java.util.UUID;
import org.jboss.logging.Logger;
import org.jboss.resteasy.reactive.server.ServerExceptionMapper;
import org.jspecify.annotations.Nullable;

/**
 * The one place where exceptions become answers. Nothing of an exception leaves the process but
 * what was written for the caller: an accident is logged under an id, and the caller gets the id.
 */
final class Problems {
  private static final Logger LOG = Logger.getLogger(Problems.class);

  @ServerExceptionMapper
  Response problem(ProblemException e, UriInfo uri) {
    Response response = Problem.response(e.type(), e.detail(), uri.getPath(), e.errors());
    e.headers().forEach((name, value) -> response.getHeaders().putSingle(name, value));
    return response;
  }

  /** What JAX-RS itself refuses: no such path, method or media type. */
  @ServerExceptionMapper
  Response refused(WebApplicationException e, UriInfo uri) {
    int status = e.getResponse().getStatus();
    return switch (status) {
      case 400 ->
          answer(ProblemType.INVALID_PARAMETER, "Check the parameters of the request.", uri);
      case 401 -> answer(ProblemType.UNAUTHENTICATED, "Send a token: Authorization: Bearer.", uri);
      case 403 -> answer(ProblemType.FORBIDDEN, "Ask for a token with the role.", uri);
      case 404 -> answer(ProblemType.NOT_FOUND, "Check the path: /q/openapi lists them.", uri);
      case 405 -> answer(ProblemType.METHOD_NOT_ALLOWED, "Check the method: see /q/openapi.", uri);
      case 406 -> answer(ProblemType.NOT_ACCEPTABLE, "Ask for application/json.", uri);
      case 413 -> answer(ProblemType.REQUEST_TOO_LARGE, "Send less.", uri);
      case 415 ->
          answer(ProblemType.UNSUPPORTED_MEDIA_TYPE, "Send Content-Type: application/json.", uri);
      default -> accident(e);
    };
  }

  @ServerExceptionMapper
  Response database(SQLException e, UriInfo uri) {
    return isAway(e) ? databaseAway(e, uri) : accident(e);
  }

  @ServerExceptionMapper
  Response persistence(PersistenceException e, UriInfo uri) {
    SQLException cause = find(e, SQLException.class);
    return cause != null && isAway(cause) ? databaseAway(e, uri) : accident(e);
  }

  @ServerExceptionMapper
  Response registry(RegistryException e, UriInfo uri) {
    LOG.warnf("candidate registry: %s", e.getMessage());
    return answer(
        ProblemType.UNAVAILABLE, "The candidate registry does not do its part. Try again.", uri);
  }

  @ServerExceptionMapper
  Response unexpected(Throwable e, UriInfo uri) {
    SQLException cause = find(e, SQLException.class);
    return cause != null && isAway(cause) ? databaseAway(e, uri) : accident(e);
  }

  private static Response answer(ProblemType type, String detail, UriInfo uri) {
    return Problem.response(type, detail, uri.getPath(), List.of());
  }

  private static Response databaseAway(Exception e, UriInfo uri) {
    LOG.warnf("database: %s", e.getMessage());
    return answer(ProblemType.UNAVAILABLE, "The database does not answer. Try again.", uri);
  }

  private static Response databaseAway(Throwable e, UriInfo uri) {
    LOG.warnf("database: %s", e.getMessage());
    return answer(ProblemType.UNAVAILABLE, "The database does not answer. Try again.", uri);
  }

  private static Response accident(Throwable e) {
    String id = UUID.randomUUID().toString();
    LOG.errorf(e, "unexpected error, id=%s", id);
    return Problem.response(
        ProblemType.INTERNAL,
        "Tell the operator of the farm the id of this error: its log has the rest.",
        "urn:uuid:" + id,
        List.of());
  }

  /**
   * Classes 08 (connection), 53 (resources) and 57P (shutdown, crash, starting up) of PostgreSQL's
   * SQLSTATEs. The pool's own failure to hand out a connection has no state.
   */
  private static boolean isAway(SQLException e) {
    String state = e.getSQLState();
    return state == null
        || state.startsWith("08")
        || state.startsWith("53")
        || state.startsWith("57P");
  }

  private static <T> @Nullable T find(Throwable e, Class<T> type) {
    int depth = 0;
    for (Throwable cause = e; cause != null && depth < 20; cause = cause.getCause(), depth++) {
      if (type.isInstance(cause)) {
        return type.cast(cause);
      }
    }
    return null;
  }
}
