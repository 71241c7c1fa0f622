package dev.grange.registry;

import java.util.List;
import java.util.Optional;

/** Gives the requests to one registry what they need to be let in. Thread-safe. */
public interface Authenticator {
  /** For a registry that asks for nothing. */
  Authenticator NONE =
      new Authenticator() {
        @Override
        public Optional<String> authorization(Access access) {
          return Optional.empty();
        }

        @Override
        public boolean challenged(Access access, List<String> challenges) {
          return false;
        }
      };

  /** The value of the Authorization header; empty for none. */
  Optional<String> authorization(Access access) throws RegistryException;

  /**
   * The registry has answered 401.
   *
   * @param challenges its WWW-Authenticate headers
   * @return whether to ask once more: {@link #authorization} has something else now
   */
  boolean challenged(Access access, List<String> challenges) throws RegistryException;
}
