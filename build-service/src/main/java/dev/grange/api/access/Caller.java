package dev.grange.api.access;

import dev.grange.api.problem.ProblemException;
import dev.grange.api.problem.ProblemType;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Whoever sent the request.
 *
 * @param project the only one that this caller knows of; null for all
 */
public record Caller(String principal, @Nullable String project, Set<Role> roles) {

  public Caller {
    roles = Set.copyOf(roles);
  }

  /** Every role may look; what it may look at is the project's matter. */
  public boolean maySee(String otherProject) {
    return project == null || project.equals(otherProject);
  }

  /**
   * Fails as if the thing were not there when the caller may not see its project.
   *
   * @param what for the message, such as {@code build}
   */
  public void requireSight(String otherProject, String what) {
    if (!maySee(otherProject)) {
      throw ProblemException.notFound(what);
    }
  }

  public boolean has(Role role) {
    return roles.contains(Role.ADMIN) || roles.contains(role);
  }

  public void require(Role role) {
    if (!has(role)) {
      String name = role.name().toLowerCase(Locale.ROOT);
      throw new ProblemException(
          ProblemType.FORBIDDEN, "This needs a token with the role " + name + " or admin.");
    }
  }
}
