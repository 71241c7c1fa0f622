package dev.grange.registry;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a request to a registry is about to do: what its credential must allow.
 *
 * @param repository null for the API root, which anybody may ask who is somebody
 * @param write whether it writes there
 * @param from another repository that is read, of which a blob is mounted; null for none
 */
public record Access(@Nullable String repository, boolean write, @Nullable String from) {
  static Access root() {
    return new Access(null, false, null);
  }

  static Access read(String repository) {
    return new Access(repository, false, null);
  }

  static Access write(String repository) {
    return new Access(repository, true, null);
  }

  static Access mount(String repository, String from) {
    return new Access(repository, true, from);
  }

  /** As the distribution project's token specification writes it. */
  List<String> scopes() {
    List<String> scopes = new ArrayList<>();
    if (repository != null) {
      scopes.add("repository:" + repository + (write ? ":pull,push" : ":pull"));
    }
    if (from != null) {
      scopes.add("repository:" + from + ":pull");
    }
    return scopes;
  }
}
