package dev.grange.domain.access;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Actions in one repository: what a client of a registry asks a token for (distribution project,
 * "Token Scope Documentation").
 */
public record Scope(String repository, Set<Action> actions) {
  /** What a registry tells apart. */
  public enum Action {
    PULL,
    PUSH,
    DELETE;

    /** As scopes and tokens have it. */
    public String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** Enough for a push that mounts a layer; a request for more is an attack. */
  public static final int MAX_SCOPES = 8;

  private static final int MAX_LENGTH = 512;

  /** The names that the distribution project allows, without a host. */
  private static final Pattern REPOSITORY =
      Pattern.compile(
          "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*+(?:/[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*+)*+");

  private static final int MAX_NAME = 255;

  public Scope {
    actions = actions.isEmpty() ? Set.of() : Set.copyOf(EnumSet.copyOf(actions));
  }

  public static Scope of(String repository, Action... actions) {
    return new Scope(repository, Set.of(actions));
  }

  /** What was asked for cannot be a scope; the message may be shown to whoever asked. */
  public static final class InvalidScope extends Exception {
    private static final long serialVersionUID = 1L;

    InvalidScope(String message) {
      super(message);
    }
  }

  public static boolean isRepository(String name) {
    return name.length() <= MAX_NAME && REPOSITORY.matcher(name).matches();
  }

  /**
   * Reads the scopes of a request; what names no repository (the catalogue) is nothing that is ever
   * granted and left out, as are actions that are not known. Each repository comes once.
   *
   * @param parameters each may have several, separated by spaces
   */
  public static List<Scope> parse(List<String> parameters) throws InvalidScope {
    Map<String, Set<Action>> asked = new LinkedHashMap<>();
    int count = 0;
    for (String parameter : parameters) {
      for (String text : parameter.split(" ", -1)) {
        count++;
        if (count > MAX_SCOPES || text.length() > MAX_LENGTH) {
          throw new InvalidScope(
              "at most " + MAX_SCOPES + " scopes of " + MAX_LENGTH + " characters");
        }
        if (!text.isEmpty()) {
          parse(text, asked);
        }
      }
    }
    List<Scope> scopes = new ArrayList<>();
    asked.forEach((repository, actions) -> scopes.add(new Scope(repository, actions)));
    return scopes;
  }

  private static void parse(String text, Map<String, Set<Action>> asked) throws InvalidScope {
    int name = text.indexOf(':');
    int actions = text.lastIndexOf(':');
    if (name <= 0 || actions == name) {
      throw new InvalidScope("a scope is type:name:actions");
    }
    if (!text.substring(0, name).equals("repository")) {
      return;
    }
    String repository = text.substring(name + 1, actions);
    if (!isRepository(repository)) {
      throw new InvalidScope("a scope names something that cannot be a repository");
    }
    Set<Action> all = asked.computeIfAbsent(repository, _ -> EnumSet.noneOf(Action.class));
    for (String word : text.substring(actions + 1).split(",", -1)) {
      for (Action action : Action.values()) {
        if (action.word().equals(word)) {
          all.add(action);
        }
      }
    }
  }
}
