package dev.grange.scheduler.token;

import dev.grange.domain.access.Principal;
import dev.grange.domain.access.Principal.Anonymous;
import dev.grange.domain.access.Principal.BuildAttempt;
import dev.grange.domain.access.Principal.TestAttempt;
import dev.grange.domain.access.Scope;
import dev.grange.domain.access.Scope.Action;
import dev.grange.domain.worker.JobRendering;
import dev.grange.registry.Access;
import dev.grange.registry.AuthFile;
import dev.grange.registry.Authenticator;
import dev.grange.registry.RegistryException;
import dev.grange.store.Db;
import jakarta.enterprise.context.ApplicationScoped;
import java.net.URI;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Who is who at the farm's own registries, and tokens for them. Does nothing on a farm that is not
 * their token service.
 */
@ApplicationScoped
public class RegistryTokens {
  /** What clients take for the least (token specification: expires_in). */
  private static final Duration SHORT = Duration.ofSeconds(60);

  private static final Duration LONG = Duration.ofMinutes(5);
  private static final int MAX_CACHED = 512;

  private final Db db;
  private final Clock clock;
  private final boolean anonymousPull;
  private final String realm;
  private final Map<String, String> serviceByUrl = new LinkedHashMap<>();
  private final List<Accounts> accounts = new ArrayList<>();
  private final @Nullable Signer signer;
  private final @Nullable AttemptCredentials attempts;
  private final Map<String, Issued> cache = lru();

  RegistryTokens(Db db, Clock clock, TokensConfig config) {
    this.db = db;
    this.clock = clock;
    this.anonymousPull = config.anonymousPull();
    this.realm = config.realm();
    Path key = config.keyFile().orElse(null);
    if (key == null) {
      this.signer = null;
      this.attempts = null;
      return;
    }
    this.signer = Signer.of(key);
    this.attempts =
        AttemptCredentials.of(
            config
                .attemptSecretFile()
                .orElseThrow(
                    () ->
                        new IllegalStateException(
                            "grange.tokens.key-file is set and"
                                + " grange.tokens.attempt-secret-file is not")));
    for (String registry : config.registries().orElse(List.of())) {
      String[] words = registry.split("=", 2);
      if (words.length != 2 || !words[1].matches("https?://[^/]+")) {
        throw new IllegalStateException(
            "grange.tokens.registries has to be service=http://host:port, not " + registry);
      }
      serviceByUrl.put(words[1], words[0]);
    }
    for (Path file : config.accounts().orElse(List.of())) {
      accounts.add(new Accounts(file, Set.copyOf(serviceByUrl.values())));
    }
  }

  private static <T> Map<String, T> lru() {
    return Collections.synchronizedMap(
        new LinkedHashMap<>(16, 0.75f, true) {
          private static final long serialVersionUID = 1L;

          @Override
          protected boolean removeEldestEntry(Map.Entry<String, T> eldest) {
            return size() > MAX_CACHED;
          }
        });
  }

  /** Whether the farm is a token service at all. */
  boolean enabled() {
    return signer != null;
  }

  boolean serves(String service) {
    return serviceByUrl.containsValue(service);
  }

  /** A token that was made. */
  record Issued(String token, Instant issued, Instant expires) {
    boolean hasHalfOfItsLife(Instant now) {
      return Duration.between(now, expires)
              .compareTo(Duration.between(issued, expires).dividedBy(2))
          > 0;
    }
  }

  // ── Clients ──────────────────────────────────────────────────────────────────────────────────

  /**
   * Who somebody is: anybody without a name, an attempt that goes on, an account. Empty when it is
   * none of them.
   */
  Optional<Principal> identify(@Nullable String user, String secret) throws SQLException {
    if (user == null) {
      return anonymousPull ? Optional.of(new Anonymous()) : Optional.empty();
    }
    if (!user.startsWith(AttemptCredentials.PREFIX)) {
      return accounts.stream().flatMap(file -> file.find(user, secret).stream()).findFirst();
    }
    UUID id;
    try {
      id = UUID.fromString(user.substring(AttemptCredentials.PREFIX.length()));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
    // before the query: a forged one costs nothing
    return Objects.requireNonNull(attempts).isGenuine(id, secret) ? attempt(id) : Optional.empty();
  }

  private Optional<Principal> attempt(UUID id) throws SQLException {
    return db.first(
        """
        SELECT a.repository, e.project, b.candidate_repository
        FROM attempt a LEFT JOIN execution e ON e.id = a.execution_id
        LEFT JOIN test_run t ON t.id = a.test_run_id LEFT JOIN release r ON r.id = t.release_id
        LEFT JOIN build b ON b.id = r.build_id
        WHERE a.id = ? AND a.finished_at IS NULL AND a.released_at IS NULL
        """,
        row -> {
          String project = row.getString("project");
          return project == null
              ? new TestAttempt(String.valueOf(row.getString("candidate_repository")))
              : new BuildAttempt(row.getString("repository"), project);
        },
        id);
  }

  /** A token with what is granted of the scopes, which may be nothing. */
  Issued issue(Principal principal, String subject, String service, List<Scope> asked) {
    List<Scope> granted = principal.granted(service, anonymousPull, asked);
    return switch (principal) {
      // everybody's are the same, and there are many who ask
      case Anonymous() -> cached("anonymous " + service + " " + granted, subject, service, granted);
      case Principal.Account _ -> sign(subject, service, granted, LONG);
      case BuildAttempt _, TestAttempt _ -> sign(subject, service, granted, SHORT);
    };
  }

  private Issued cached(String key, String subject, String service, List<Scope> granted) {
    Issued known = cache.get(key);
    if (known == null || !known.hasHalfOfItsLife(clock.instant())) {
      known = sign(subject, service, granted, LONG);
      cache.put(key, known);
    }
    return known;
  }

  private Issued sign(String subject, String service, List<Scope> granted, Duration life) {
    Instant now = clock.instant();
    return new Issued(
        Objects.requireNonNull(signer).sign(subject, service, granted, now, life),
        now,
        now.plus(life));
  }

  // ── Workers ──────────────────────────────────────────────────────────────────────────────────

  /** What a worker needs to be let into the candidate registry; empty when nothing is. */
  public Optional<JobRendering.Credential> credential(UUID attempt, URI candidate) {
    if (attempts == null || !serviceByUrl.containsKey(candidate.toString())) {
      return Optional.empty();
    }
    return Optional.of(
        new JobRendering.Credential(
            AuthFile.of(
                candidate.getAuthority(),
                AttemptCredentials.PREFIX + attempt,
                attempts.secretOf(attempt)),
            authority(URI.create(realm))));
  }

  private static String authority(URI realm) {
    int port = realm.getPort();
    return realm.getHost() + ":" + (port > 0 ? port : "https".equals(realm.getScheme()) ? 443 : 80);
  }

  // ── This scheduler itself ────────────────────────────────────────────────────────────────────

  /** For a registry that asks for our tokens: it gets them without any question. */
  public Optional<Authenticator> own(String url) {
    String service = serviceByUrl.get(url);
    return service == null ? Optional.empty() : Optional.of(new Own(service));
  }

  /**
   * Tokens that we make for ourselves. One is used again for as long as it is good for what is to
   * be done: a signature costs more than all else about a request.
   */
  private final class Own implements Authenticator {
    private final String service;
    private final Map<String, Mine> byRepository = lru();

    private record Mine(Issued issued, List<String> repositories) {}

    Own(String service) {
      this.service = service;
    }

    @Override
    public Optional<String> authorization(Access access) {
      List<String> repositories = new ArrayList<>();
      for (String repository : new @Nullable String[] {access.repository(), access.from()}) {
        if (repository != null) {
          repositories.add(repository);
        }
      }
      Mine mine = byRepository.get(String.valueOf(access.repository()));
      if (mine == null
          || !mine.repositories().containsAll(repositories)
          || !mine.issued().hasHalfOfItsLife(clock.instant())) {
        List<Scope> scopes = new ArrayList<>();
        for (String repository : repositories) {
          // to give up an upload is to delete
          scopes.add(Scope.of(repository, Action.PULL, Action.PUSH, Action.DELETE));
        }
        mine = new Mine(sign("scheduler", service, scopes, SHORT), repositories);
        byRepository.put(String.valueOf(access.repository()), mine);
      }
      return Optional.of("Bearer " + mine.issued().token());
    }

    @Override
    public boolean challenged(Access access, List<String> challenges) throws RegistryException {
      throw new RegistryException(
          RegistryException.Kind.UNAUTHORIZED,
          "registry "
              + service
              + " refuses the farm's own token: its clock differs by more than a minute, or it does"
              + " not have the certificate of grange.tokens.key-file");
    }
  }
}
