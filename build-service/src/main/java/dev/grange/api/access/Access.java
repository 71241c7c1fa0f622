package dev.grange.api.access;

import dev.grange.api.problem.ProblemException;
import dev.grange.api.problem.ProblemType;
import dev.grange.registry.Digests;
import dev.grange.store.api.Token;
import dev.grange.store.api.Tokens;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.ws.rs.container.ContainerRequestContext;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jboss.resteasy.reactive.server.ServerRequestFilter;
import org.jspecify.annotations.Nullable;

/**
 * Finds out who calls, before any route sees the request: there is no route without a caller.
 *
 * <p>Tokens that were found are remembered by their hash for some seconds. Those that were not are
 * looked up every time: remembering them would let anybody fill the memory.
 */
@ApplicationScoped
public class Access {
  private static final Pattern BEARER =
      Pattern.compile("Bearer +(grange_[A-Za-z0-9_-]{43})", Pattern.CASE_INSENSITIVE);

  private final Tokens tokens;
  private final AccessSettings settings;
  private final Clock clock;
  private final CurrentCaller current;
  private final Map<String, Known> known = new ConcurrentHashMap<>();

  private record Known(Caller caller, Instant until) {}

  Access(Tokens tokens, AccessSettings settings, Clock clock, CurrentCaller current) {
    this.tokens = tokens;
    this.settings = settings;
    this.clock = clock;
    this.current = current;
  }

  @ServerRequestFilter
  void authenticate(ContainerRequestContext request) {
    Caller caller = find(request.getHeaderString("Authorization"));
    if (caller == null) {
      throw new ProblemException(
          ProblemType.UNAUTHENTICATED,
          "Send a token of this farm that is neither expired nor revoked: Authorization: Bearer"
              + " grange_…");
    }
    current.set(caller);
  }

  private @Nullable Caller find(@Nullable String header) {
    Matcher matcher = BEARER.matcher(header == null ? "" : header);
    if (!matcher.matches()) {
      return null;
    }
    String digest = Digests.of(matcher.group(1).getBytes(StandardCharsets.US_ASCII));
    Instant now = clock.instant();
    Known before = known.get(digest);
    if (before != null && now.isBefore(before.until)) {
      return before.caller;
    }
    known.remove(digest);
    Token token =
        tokens
            .usable(HexFormat.of().parseHex(digest, "sha256:".length(), digest.length()))
            .orElse(null);
    if (token == null) {
      return null;
    }
    Caller caller = new Caller(token.principal, token.project, roles(token));
    Instant until = now.plus(settings.cacheFor());
    if (token.expiresAt != null && token.expiresAt.isBefore(until)) {
      until = token.expiresAt;
    }
    if (known.size() >= settings.cacheSize()) {
      known.values().removeIf(old -> !now.isBefore(old.until));
    }
    if (known.size() < settings.cacheSize()) {
      known.put(digest, new Known(caller, until));
    }
    return caller;
  }

  private static Set<Role> roles(Token token) {
    Set<Role> roles = EnumSet.noneOf(Role.class);
    Arrays.stream(token.roles)
        .forEach(role -> roles.add(Role.valueOf(role.toUpperCase(Locale.ROOT))));
    return roles;
  }
}
