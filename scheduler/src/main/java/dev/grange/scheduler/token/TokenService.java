package dev.grange.scheduler.token;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.grange.domain.access.Principal;
import dev.grange.domain.access.Scope;
import dev.grange.domain.access.Scope.InvalidScope;
import dev.grange.scheduler.token.RegistryTokens.Issued;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import jakarta.annotation.Priority;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.interceptor.Interceptor;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Semaphore;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * {@code GET /token}, as the distribution project specifies it ("Token Authentication
 * Specification"), and nothing else, on an address of its own: everybody who uses the registries
 * reaches it, and must reach nothing more of the scheduler.
 *
 * <p>Nothing that a client sends is logged.
 */
@ApplicationScoped
class TokenService {
  private static final Logger LOG = Logger.getLogger(TokenService.class);
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int MAX_LINE_BYTES = 8192;
  private static final int MAX_HEADER_BYTES = 8192;
  private static final int IDLE_SECONDS = 30;

  /** Questions that are waiting for the database; more are told to come again. */
  private static final int MAX_WAITING = 64;

  private final Vertx vertx;
  private final RegistryTokens tokens;
  private final TokensConfig config;
  private final Clock clock;
  private final Rate rate = new Rate();
  private final Semaphore waiting = new Semaphore(MAX_WAITING);
  private @Nullable HttpServer server;

  TokenService(Vertx vertx, RegistryTokens tokens, TokensConfig config, Clock clock) {
    this.vertx = vertx;
    this.tokens = tokens;
    this.config = config;
    this.clock = clock;
  }

  /** Before the scheduler's loops: workers of an earlier one may be waiting. */
  void start(@Observes @Priority(Interceptor.Priority.PLATFORM_BEFORE) StartupEvent event) {
    if (!tokens.enabled()) {
      return;
    }
    HttpServerOptions options =
        new HttpServerOptions()
            .setHost(config.address())
            .setPort(config.port())
            .setHttp2ClearTextEnabled(false)
            .setMaxInitialLineLength(MAX_LINE_BYTES)
            .setMaxHeaderSize(MAX_HEADER_BYTES)
            .setIdleTimeout(IDLE_SECONDS);
    try {
      server =
          vertx
              .createHttpServer(options)
              .requestHandler(this::answer)
              .listen()
              .toCompletionStage()
              .toCompletableFuture()
              .join();
    } catch (CompletionException e) {
      throw new IllegalStateException(
          "the registries' token service cannot listen on %s:%d (grange.tokens.address, grange.tokens.port): %s"
              .formatted(config.address(), config.port(), e.getCause()),
          e);
    }
    LOG.infof("token service of the registries on %s:%d", config.address(), config.port());
  }

  /** After all else: until then, workers push. */
  void stop(@Observes @Priority(Interceptor.Priority.PLATFORM_AFTER) ShutdownEvent event) {
    HttpServer running = server;
    if (running != null) {
      running.close();
    }
  }

  private void answer(HttpServerRequest request) {
    if (!String.valueOf(request.path()).equals("/token")) {
      error(request, 404, "NOT_FOUND", "this is the registries' token service: GET /token");
    } else if (!request.method().equals(HttpMethod.GET)) {
      // clients that try the OAuth2 way first go on with GET
      error(request, 405, "UNSUPPORTED", "GET /token");
    } else if (!rate.take(request.remoteAddress().hostAddress(), System.nanoTime())) {
      error(request, 429, "TOOMANYREQUESTS", "too many questions from this address");
    } else {
      authorize(request);
    }
  }

  private void authorize(HttpServerRequest request) {
    String service = request.getParam("service", "");
    if (!tokens.serves(service)) {
      error(request, 400, "UNSUPPORTED", "service has to be one of the farm's registries");
      return;
    }
    List<Scope> scopes;
    Login login;
    try {
      scopes = Scope.parse(request.params().getAll("scope"));
      login = Login.of(request.getHeader("Authorization"));
    } catch (InvalidScope | Login.Unreadable e) {
      error(request, 400, "UNSUPPORTED", String.valueOf(e.getMessage()));
      return;
    }
    if (login.user() == null) {
      reply(request, service, scopes, login);
    } else if (waiting.tryAcquire()) {
      Thread.startVirtualThread(
          () -> {
            try {
              reply(request, service, scopes, login);
            } finally {
              waiting.release();
            }
          });
    } else {
      error(request, 429, "TOOMANYREQUESTS", "too many questions at once");
    }
  }

  /** What an Authorization header says; without one, nobody in particular. */
  private record Login(@Nullable String user, String secret) {
    static final class Unreadable extends Exception {
      private static final long serialVersionUID = 1L;

      Unreadable() {
        super("the Authorization header is not Basic with name and secret");
      }
    }

    static Login of(@Nullable String header) throws Unreadable {
      if (header == null) {
        return new Login(null, "");
      }
      String[] words = header.split(" ", 2);
      if (words.length != 2 || !words[0].equalsIgnoreCase("Basic")) {
        throw new Unreadable();
      }
      try {
        String pair =
            new String(Base64.getDecoder().decode(words[1].strip()), StandardCharsets.UTF_8);
        int colon = pair.indexOf(':');
        if (colon > 0) {
          return new Login(pair.substring(0, colon), pair.substring(colon + 1));
        }
      } catch (IllegalArgumentException e) {
        throw new Unreadable();
      }
      throw new Unreadable();
    }
  }

  private void reply(HttpServerRequest request, String service, List<Scope> scopes, Login login) {
    try {
      Optional<Principal> principal = tokens.identify(login.user(), login.secret());
      if (principal.isEmpty()) {
        error(request, 401, "UNAUTHORIZED", "no such credential, or not any more");
        return;
      }
      String subject = login.user() == null ? "" : login.user();
      Issued issued = tokens.issue(principal.get(), subject, service, scopes);
      String body =
          JSON.createObjectNode()
              .put("token", issued.token())
              .put("access_token", issued.token())
              .put("expires_in", Duration.between(clock.instant(), issued.expires()).toSeconds())
              .put("issued_at", issued.issued().truncatedTo(ChronoUnit.SECONDS).toString())
              .toString();
      send(request, 200, body);
    } catch (SQLException e) {
      LOG.warnf("a token cannot be given, the database does not answer: %s", e.getMessage());
      error(request, 503, "UNAVAILABLE", "the database does not answer");
    } catch (RuntimeException e) {
      LOG.error("a token cannot be given", e);
      error(request, 500, "UNKNOWN", "an error of the farm's");
    }
  }

  private static void error(HttpServerRequest request, int status, String code, String message) {
    switch (status) {
      case 401 ->
          request.response().putHeader("WWW-Authenticate", "Basic realm=\"Grange registries\"");
      case 405 -> request.response().putHeader("Allow", "GET").putHeader("Connection", "close");
      case 429, 503 -> request.response().putHeader("Retry-After", "1");
      default -> {
        // nothing more to say
      }
    }
    var body = JSON.createObjectNode();
    body.putArray("errors").addObject().put("code", code).put("message", message);
    send(request, status, body.toString());
  }

  private static void send(HttpServerRequest request, int status, String body) {
    request
        .response()
        .setStatusCode(status)
        .putHeader("Content-Type", "application/json")
        .putHeader("Cache-Control", "no-store")
        .end(body);
  }
}
