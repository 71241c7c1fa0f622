package dev.grange.api.build;

import dev.grange.api.access.CurrentCaller;
import dev.grange.api.problem.ProblemException;
import dev.grange.store.api.Builds;
import jakarta.enterprise.context.ApplicationScoped;
import java.sql.SQLException;
import java.util.UUID;
import java.util.regex.Pattern;

/** The way to a build by its id: whoever may not see it learns as much as for one that is not. */
@ApplicationScoped
public class BuildAccess {
  private static final Pattern ID =
      Pattern.compile("[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}");

  private final Builds builds;
  private final CurrentCaller caller;

  BuildAccess(Builds builds, CurrentCaller caller) {
    this.builds = builds;
    this.caller = caller;
  }

  /** Fails unless there is such a build and the caller may see it. */
  public Builds.Status status(UUID id) throws SQLException {
    Builds.Status status = builds.status(id).orElseThrow(() -> ProblemException.notFound("build"));
    caller.get().requireSight(status.project(), "build");
    return status;
  }

  /** An id from a path; what is no id names nothing. */
  public static UUID id(String text, String what) {
    if (!ID.matcher(text).matches()) {
      throw ProblemException.notFound(what);
    }
    return UUID.fromString(text);
  }
}
