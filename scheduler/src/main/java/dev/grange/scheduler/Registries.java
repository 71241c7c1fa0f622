package dev.grange.scheduler;

import dev.grange.registry.Registry;
import dev.grange.store.Db;
import jakarta.enterprise.context.ApplicationScoped;
import java.net.URI;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The registries that the farm knows, by name. A client keeps its connections, so there is one for
 * each address.
 */
@ApplicationScoped
public class Registries {
  private final Db db;
  private final Map<String, Registry> clients = new ConcurrentHashMap<>();

  Registries(Db db) {
    this.db = db;
  }

  /** A registry and the name that the farm has for it. */
  public record Named(String name, Registry registry) {}

  /** Where candidates and contexts are. */
  public Registry candidate() throws SQLException {
    return withRole("candidate").stream()
        .findFirst()
        .orElseThrow(() -> new IllegalStateException("no candidate registry is registered"))
        .registry();
  }

  /** Every registry that takes stable images. */
  public List<Named> stable() throws SQLException {
    return withRole("stable");
  }

  private List<Named> withRole(String role) throws SQLException {
    return db.call(
        tx ->
            tx.list(
                "SELECT name, url FROM registry WHERE role = ? ORDER BY name",
                row -> new Named(row.getString("name"), client(row.getString("url"))),
                role));
  }

  private Registry client(String url) {
    return clients.computeIfAbsent(url, u -> new Registry(URI.create(u)));
  }
}
