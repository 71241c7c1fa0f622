package dev.grange.domain.access;

import dev.grange.domain.access.Scope.Action;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** Whoever asks for a token, and what is allowed to it. */
public sealed interface Principal {
  /** The registry where candidates, contexts and the attempts' repositories are. */
  String CANDIDATE = "candidate";

  /** Nobody in particular. */
  record Anonymous() implements Principal {}

  /**
   * The worker of a build.
   *
   * @param repository the attempt's own
   */
  record BuildAttempt(String repository, String project) implements Principal {}

  /**
   * The worker of a test.
   *
   * @param candidate the repository of what is tested
   */
  record TestAttempt(String candidate) implements Principal {}

  /** A machine that an operator has given an account. */
  record Account(List<Rule> rules) implements Principal {
    public Account {
      rules = List.copyOf(rules);
    }
  }

  /**
   * One line of an account.
   *
   * @param prefix ends in {@code /} for all repositories below it, or is one repository
   */
  record Rule(Set<Action> actions, String prefix, String registry) {
    public Rule {
      actions = Set.copyOf(actions);
    }

    boolean covers(String inRegistry, String repository) {
      return registry.equals(inRegistry)
          && (prefix.endsWith("/") ? repository.startsWith(prefix) : repository.equals(prefix));
    }
  }

  /**
   * What of the scopes is granted. Repositories of which nothing is granted are left out, so that a
   * registry refuses.
   *
   * @param registry the farm's name of it
   * @param anonymousPull whether everybody may pull what is nobody's own
   */
  default List<Scope> granted(String registry, boolean anonymousPull, List<Scope> asked) {
    List<Scope> granted = new ArrayList<>();
    for (Scope scope : asked) {
      Set<Action> actions = EnumSet.noneOf(Action.class);
      actions.addAll(allowed(registry, scope.repository()));
      if (anonymousPull && isShared(registry, scope.repository())) {
        actions.add(Action.PULL);
      }
      actions.retainAll(scope.actions());
      if (!actions.isEmpty()) {
        granted.add(new Scope(scope.repository(), actions));
      }
    }
    return granted;
  }

  private Set<Action> allowed(String registry, String repository) {
    boolean candidate = registry.equals(CANDIDATE);
    return switch (this) {
      case Anonymous() -> Set.of();
      case BuildAttempt(String own, String project) -> {
        if (!candidate) {
          yield Set.of();
        }
        if (repository.equals(own)) {
          yield Set.of(Action.PULL, Action.PUSH);
        }
        yield isShared(registry, repository) || repository.equals("contexts/" + project)
            ? Set.of(Action.PULL)
            : Set.of();
      }
      case TestAttempt(String tested) ->
          candidate && repository.equals(tested) ? Set.of(Action.PULL) : Set.of();
      case Account(List<Rule> rules) -> {
        Set<Action> actions = EnumSet.noneOf(Action.class);
        rules.stream()
            .filter(rule -> rule.covers(registry, repository))
            .forEach(rule -> actions.addAll(rule.actions()));
        yield actions;
      }
    };
  }

  /**
   * Whether a repository is for all to read: the attempts' are not, nor are contexts, which may be
   * private, nor the layer cache, which would tell of them.
   */
  private static boolean isShared(String registry, String repository) {
    if (!registry.equals(CANDIDATE)) {
      return true;
    }
    String first = repository.split("/", 2)[0];
    return switch (first) {
      case "attempts", "contexts", "cache" -> false;
      default -> true;
    };
  }
}
