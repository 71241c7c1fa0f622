package dev.grange.scheduler;

import dev.grange.registry.AuthFile;
import dev.grange.registry.ChallengeAuthenticator;
import dev.grange.registry.Registry;
import dev.grange.scheduler.token.RegistryTokens;
import dev.grange.store.Db;
import jakarta.enterprise.context.ApplicationScoped;
import java.net.URI;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The registries that the farm knows, by name. A client keeps its connections, so there is one for
 * each address.
 */
@ApplicationScoped
public class Registries {
  /** How old the list may be: every attempt asks for it, and it hardly ever changes. */
  private static final Duration FRESH = Duration.ofSeconds(10);

  private final Db db;
  private final RegistryTokens tokens;
  private final @Nullable AuthFile credentials;
  private final Map<String, Registry> clients = new ConcurrentHashMap<>();
  private volatile @Nullable Known known;

  Registries(Db db, RegistryTokens tokens, RegistriesConfig config) {
    this.db = db;
    this.tokens = tokens;
    this.credentials = config.authFile().map(AuthFile::new).orElse(null);
  }

  /** A registry and the name that the farm has for it. */
  public record Named(String name, String role, Registry registry) {}

  private record Known(List<Named> all, long nanos) {}

  /** Where candidates and contexts are. */
  public Registry candidate() throws SQLException {
    return all().stream()
        .filter(r -> r.role().equals("candidate"))
        .findFirst()
        .orElseThrow(() -> new IllegalStateException("no candidate registry is registered"))
        .registry();
  }

  /** Every registry that takes stable images. */
  public List<Named> stable() throws SQLException {
    return all().stream().filter(r -> r.role().equals("stable")).toList();
  }

  private List<Named> all() throws SQLException {
    Known now = known;
    if (now == null || System.nanoTime() - now.nanos() > FRESH.toNanos()) {
      now = new Known(read(), System.nanoTime());
      known = now;
    }
    return now.all();
  }

  private List<Named> read() throws SQLException {
    return db.list(
        "SELECT name, url, role FROM registry ORDER BY name",
        row ->
            new Named(row.getString("name"), row.getString("role"), client(row.getString("url"))));
  }

  private Registry client(String url) {
    return clients.computeIfAbsent(
        url,
        u ->
            new Registry(
                URI.create(u),
                tokens
                    .own(u)
                    .orElseGet(() -> new ChallengeAuthenticator(URI.create(u), credentials))));
  }
}
