package dev.grange.registry;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.grange.registry.RegistryException.Kind;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Does what a registry asks for: Basic, or a token of the service that it names (distribution
 * project, "Token Authentication Specification"). With the credential that a file has for it, or
 * without any.
 *
 * <p>A credential goes to the registry's own host, and to a token service only over TLS or from a
 * registry that speaks without TLS itself.
 */
public final class ChallengeAuthenticator implements Authenticator {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration LIMIT = Duration.ofSeconds(15);
  private static final int MAX_ANSWER_BYTES = 64 * 1024;
  private static final int MAX_TOKENS = 1024;

  /** The specification: a token without {@code expires_in} lives for 60 s. */
  private static final long DEFAULT_SECONDS = 60;

  private static final Pattern PARAMETER = Pattern.compile("(\\w+)=\"([^\"]*)\"");

  private final URI registry;
  private final @Nullable AuthFile file;
  private final HttpClient http =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .connectTimeout(Duration.ofSeconds(5))
          .build();
  private volatile boolean basic;
  private final Map<Access, Token> tokens =
      Collections.synchronizedMap(
          new LinkedHashMap<>(16, 0.75f, true) {
            private static final long serialVersionUID = 1L;

            @Override
            protected boolean removeEldestEntry(Map.Entry<Access, Token> eldest) {
              return size() > MAX_TOKENS;
            }
          });

  private record Token(String text, long usableUntilNanos) {}

  /**
   * For one registry.
   *
   * @param file null when there are no credentials
   */
  public ChallengeAuthenticator(URI registry, @Nullable AuthFile file) {
    this.registry = registry;
    this.file = file;
  }

  @Override
  public Optional<String> authorization(Access access) throws RegistryException {
    if (basic) {
      return credential().map(c -> "Basic " + c);
    }
    Token token = tokens.get(access);
    return token == null || System.nanoTime() - token.usableUntilNanos() > 0
        ? Optional.empty()
        : Optional.of("Bearer " + token.text());
  }

  @Override
  public boolean challenged(Access access, List<String> challenges) throws RegistryException {
    for (String challenge : challenges) {
      String scheme = challenge.split(" ", 2)[0].toLowerCase(Locale.ROOT);
      if (scheme.equals("bearer")) {
        tokens.put(access, ask(challenge, access));
        return true;
      }
      if (scheme.equals("basic") && !basic && credential().isPresent()) {
        basic = true;
        return true;
      }
    }
    return false;
  }

  private Optional<String> credential() throws RegistryException {
    try {
      return file == null ? Optional.empty() : file.basic(registry.getAuthority());
    } catch (IOException e) {
      throw new RegistryException(
          Kind.UNAUTHORIZED,
          "the credentials for registry "
              + registry.getAuthority()
              + " cannot be read from "
              + file.path(),
          e);
    }
  }

  private Token ask(String challenge, Access access) throws RegistryException {
    Matcher parameters = PARAMETER.matcher(challenge);
    String realm = "";
    String service = "";
    while (parameters.find()) {
      switch (parameters.group(1)) {
        case "realm" -> realm = parameters.group(2);
        case "service" -> service = parameters.group(2);
        default -> {
          // scope and error: what we need we know ourselves
        }
      }
    }
    HttpRequest.Builder request = HttpRequest.newBuilder(uri(realm, service, access)).GET();
    Optional<String> credential = credential();
    if (credential.isPresent()) {
      request.header("Authorization", "Basic " + credential.get());
    }
    HttpResponse<byte[]> answer;
    try {
      answer = http.send(request.timeout(LIMIT).build(), LimitedBody.upTo(MAX_ANSWER_BYTES));
    } catch (IOException e) {
      throw new RegistryException(
          Kind.UNREACHABLE,
          "the token service of registry %s, %s, did not answer: %s"
              .formatted(registry.getAuthority(), realm, e),
          e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new RegistryException(
          Kind.UNREACHABLE, "interrupted while waiting for the token service " + realm, e);
    }
    int status = answer.statusCode();
    if (status != 200) {
      Kind kind =
          status == 401 || status == 403
              ? Kind.UNAUTHORIZED
              : status == 429 || status >= 500 ? Kind.BUSY : Kind.REFUSED;
      throw new RegistryException(
          kind,
          "the token service of registry %s, %s, answered %d"
              .formatted(registry.getAuthority(), realm, status));
    }
    return token(answer.body(), realm);
  }

  private URI uri(String realm, String service, Access access) throws RegistryException {
    StringBuilder text = new StringBuilder(realm);
    text.append(realm.contains("?") ? '&' : '?').append("service=").append(encode(service));
    access.scopes().forEach(scope -> text.append("&scope=").append(encode(scope)));
    try {
      URI uri = URI.create(text.toString());
      boolean tls = "https".equals(uri.getScheme());
      if (uri.getHost() != null
          && (tls || ("http".equals(uri.getScheme()) && "http".equals(registry.getScheme())))) {
        return uri;
      }
    } catch (IllegalArgumentException e) {
      throw badRealm(e);
    }
    throw badRealm(null);
  }

  private RegistryException badRealm(@Nullable Throwable cause) {
    String message =
        "registry " + registry.getAuthority() + " names a token service that cannot be used";
    return cause == null
        ? new RegistryException(Kind.BROKEN, message)
        : new RegistryException(Kind.BROKEN, message, cause);
  }

  private Token token(byte[] body, String realm) throws RegistryException {
    try {
      JsonNode answer = JSON.readTree(body);
      String token = answer.path("token").asText(answer.path("access_token").asText(""));
      if (!token.isEmpty()) {
        long seconds = Math.max(answer.path("expires_in").asLong(DEFAULT_SECONDS), DEFAULT_SECONDS);
        // renewed early: clocks differ, and a request takes its time
        return new Token(token, System.nanoTime() + seconds * 1_000_000_000L * 3 / 4);
      }
    } catch (IOException e) {
      throw new RegistryException(
          Kind.BROKEN, "the token service " + realm + " gave an answer that is no JSON", e);
    }
    throw new RegistryException(Kind.BROKEN, "the token service " + realm + " gave no token");
  }

  private static String encode(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }
}
