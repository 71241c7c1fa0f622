package dev.grange.cli.farm;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.net.ConnectException;
import java.net.HttpRetryException;
import java.net.HttpURLConnection;
import java.net.NoRouteToHostException;
import java.net.ProtocolException;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/**
 * The farm's HTTP interface.
 *
 * <p>Built on {@link HttpURLConnection}, not on {@code java.net.http}: with an AOT cache on two
 * cores, a first request took 15 ms against 75 ms, and a whole command 0.13 s against 0.5 s. It
 * also has read timeouts on streams.
 *
 * <p>Everything is repeated when the connection breaks or the farm is away for a moment, because
 * nothing is sent that the farm would not recognise when it comes twice: reads, content-addressed
 * uploads, submissions with an idempotency key, and cancel.
 */
public final class Api {

  /** Waiting between tries; a test counts instead of waiting. */
  @FunctionalInterface
  public interface Pause {
    void forDuration(Duration duration) throws InterruptedException;
  }

  /**
   * How long a farm that was never reached is tried: a mistyped address must be answered at once.
   */
  static final Duration FIRST_CONTACT = Duration.ofSeconds(2);

  /** How long a farm that has answered before is tried: enough for its restart or upgrade. */
  static final Duration AFTER_CONTACT = Duration.ofMinutes(2);

  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(15);
  private static final int CONNECT_TIMEOUT_MILLIS = 10_000;
  private static final int READ_TIMEOUT_MILLIS = 60_000;

  /**
   * A log may be silent for long. When this ends we reconnect behind the last event, which loses
   * nothing.
   */
  private static final int STREAM_TIMEOUT_MILLIS = 90_000;

  static {
    // The JDK would repeat a POST by itself when a kept-alive connection turns out to be closed.
    System.setProperty("sun.net.http.retryPost", "false");
  }

  private final FarmAddress farm;
  private final String command;
  private final Pause pause;
  private volatile boolean contacted;

  Api(FarmAddress farm, String command, Pause pause) {
    this.farm = farm;
    this.command = command;
    this.pause = pause;
  }

  static Api to(FarmAddress farm, String command) {
    return new Api(farm, command, Thread::sleep);
  }

  public static String encode(String part) {
    return URLEncoder.encode(part, StandardCharsets.UTF_8).replace("+", "%20");
  }

  public JsonNode get(String path) {
    return repeat(() -> json(exchange("GET", path, Map.of(), null)));
  }

  /** Like {@link #get}, answered when the thing changes or the time is over. */
  public JsonNode getWhenChanged(String path, Duration wait) {
    return repeat(
        () -> json(exchange("GET", path, Map.of("Prefer", "wait=" + wait.toSeconds()), null)));
  }

  /** All pages of a collection, up to a number of items. */
  public ArrayNode list(String path, int limit) {
    ArrayNode all = Json.MAPPER.createArrayNode();
    String cursor = "";
    do {
      String page = path + (path.contains("?") ? "&" : "?") + "limit=" + Math.min(limit, 100);
      JsonNode answer = get(cursor.isEmpty() ? page : page + "&cursor=" + encode(cursor));
      for (JsonNode item : answer.path("items")) {
        if (all.size() < limit) {
          all.add(item);
        }
      }
      cursor = Json.text(answer, "next_cursor");
    } while (!cursor.isEmpty() && all.size() < limit);
    return all;
  }

  public boolean exists(String path) {
    try {
      repeat(() -> drained(exchange("HEAD", path, Map.of(), null)));
      return true;
    } catch (ApiException e) {
      if (e.status() == HttpURLConnection.HTTP_NOT_FOUND) {
        return false;
      }
      throw e;
    }
  }

  /** A POST that the farm recognises when it comes twice. */
  public JsonNode post(String path, @Nullable JsonNode body, String idempotencyKey) {
    return repeat(
        () -> json(exchange("POST", path, Map.of("Idempotency-Key", idempotencyKey), body)));
  }

  /** A POST that has the same effect when it comes twice. */
  public JsonNode postRepeatable(String path) {
    return repeat(() -> json(exchange("POST", path, Map.of(), null)));
  }

  /** The same with a body. */
  public JsonNode postRepeatable(String path, JsonNode body) {
    return repeat(() -> json(exchange("POST", path, Map.of(), body)));
  }

  /** Puts all of a thing, which is the same when it comes twice. */
  public JsonNode put(String path, JsonNode body, Map<String, String> headers) {
    return repeat(() -> json(exchange("PUT", path, headers, body)));
  }

  /** Asks for a thing's end. */
  public JsonNode delete(String path) {
    return repeat(() -> json(exchange("DELETE", path, Map.of(), null)));
  }

  /** Uploads a file. The farm addresses it by its content, so twice is as good as once. */
  public JsonNode upload(String path, Path file) {
    return repeat(
        () -> {
          HttpURLConnection connection = open("POST", path, Map.of(), READ_TIMEOUT_MILLIS * 5);
          connection.setRequestProperty("Content-Type", "application/gzip");
          connection.setDoOutput(true);
          connection.setFixedLengthStreamingMode(Files.size(file));
          try (OutputStream out = connection.getOutputStream()) {
            Files.copy(file, out);
          } catch (ConnectException e) {
            throw e;
          } catch (IOException e) {
            // A farm that refuses early closes while we still write: its answer tells more than our
            // broken pipe.
            refuse(connection);
            throw e;
          }
          refuse(connection);
          return json(connection);
        });
  }

  /** The bytes of a text resource. {@code range} as in HTTP, or null for all. */
  public InputStream text(String path, @Nullable String range) {
    return repeat(
        () ->
            exchange(
                    "GET",
                    path,
                    range == null
                        ? Map.of("Accept", "text/plain")
                        : Map.of("Accept", "text/plain", "Range", range),
                    null)
                .getInputStream());
  }

  /**
   * Hands on the events of a stream until {@code event: end}, or until {@code enough} when the
   * connection ends. A broken connection is taken up again behind the last event.
   */
  public void follow(String path, Consumer<ServerEvent> consumer, BooleanSupplier enough) {
    String[] lastId = {""};
    boolean ended = false;
    int silent = 0;
    while (!ended) {
      boolean[] heard = {false};
      ended = repeat(() -> read(path, lastId, heard, consumer));
      if (!ended && enough.getAsBoolean()) {
        return;
      }
      if (!ended) {
        // A stream that is closed again and again without a word must not become a busy loop.
        silent = heard[0] ? 0 : silent + 1;
        rest(Duration.ofMillis(Math.min(250L << Math.min(silent, 4), 4_000)));
      }
    }
  }

  private boolean read(
      String path, String[] lastId, boolean[] heard, Consumer<ServerEvent> consumer)
      throws IOException {
    Map<String, String> headers =
        lastId[0].isEmpty()
            ? Map.of("Accept", "text/event-stream")
            : Map.of("Accept", "text/event-stream", "Last-Event-ID", lastId[0]);
    HttpURLConnection connection = open("GET", path, headers, STREAM_TIMEOUT_MILLIS);
    refuse(connection);
    contacted = true;
    try (ServerEvents events = new ServerEvents(connection.getInputStream())) {
      for (ServerEvent event = events.next(); event != null; event = events.next()) {
        heard[0] = true;
        if (event.type().equals("end")) {
          return true;
        }
        consumer.accept(event);
        if (!event.id().isEmpty()) {
          lastId[0] = event.id();
        }
      }
      return false;
    } catch (SocketTimeoutException e) {
      return false;
    } catch (IOException e) {
      // Cut off in the middle. Whether the farm is still there, the next connection will tell.
      return false;
    } finally {
      connection.disconnect();
    }
  }

  private HttpURLConnection open(
      String method, String path, Map<String, String> headers, int readTimeoutMillis)
      throws IOException {
    URI uri = URI.create(farm.url() + "/api/v1" + path);
    HttpURLConnection connection = (HttpURLConnection) uri.toURL().openConnection();
    connection.setRequestMethod(method);
    // A redirect would carry the token to an address that nobody has chosen.
    connection.setInstanceFollowRedirects(false);
    connection.setConnectTimeout(CONNECT_TIMEOUT_MILLIS);
    connection.setReadTimeout(readTimeoutMillis);
    connection.setUseCaches(false);
    if (farm.token() != null) {
      connection.setRequestProperty("Authorization", "Bearer " + farm.token());
    }
    connection.setRequestProperty("Accept", "application/json");
    connection.setRequestProperty("User-Agent", "grange-cli");
    headers.forEach(connection::setRequestProperty);
    return connection;
  }

  private HttpURLConnection exchange(
      String method, String path, Map<String, String> headers, @Nullable JsonNode body)
      throws IOException {
    HttpURLConnection connection = open(method, path, headers, READ_TIMEOUT_MILLIS);
    if (method.equals("POST") || method.equals("PUT")) {
      byte[] bytes = body == null ? new byte[0] : Json.MAPPER.writeValueAsBytes(body);
      if (body != null) {
        connection.setRequestProperty("Content-Type", "application/json");
      }
      connection.setDoOutput(true);
      try (OutputStream out = connection.getOutputStream()) {
        out.write(bytes);
      }
    }
    refuse(connection);
    return connection;
  }

  /** Throws when the answer is not a success. */
  private void refuse(HttpURLConnection connection) throws IOException {
    int status;
    try {
      status = connection.getResponseCode();
    } catch (HttpRetryException e) {
      status = e.responseCode();
    } catch (FileNotFoundException e) {
      status = HttpURLConnection.HTTP_NOT_FOUND;
    }
    if (status < 0) {
      throw new ProtocolException("the answer is not HTTP");
    }
    if (status / 100 == 2) {
      return;
    }
    JsonNode problem = Json.MAPPER.missingNode();
    try (InputStream error = connection.getErrorStream()) {
      if (error != null) {
        problem = Json.MAPPER.readTree(error.readAllBytes());
      }
    } catch (JacksonException e) {
      // Not from the farm but from something in between; the status has to do.
    }
    throw new ApiException(
        status,
        Json.text(problem, "code"),
        sentence(status, problem),
        problem.path("errors"),
        retryAfter(connection));
  }

  private String sentence(int status, JsonNode problem) {
    String title = Json.text(problem, "title");
    String detail = Json.text(problem, "detail");
    StringBuilder sentence = new StringBuilder(title);
    if (!detail.isEmpty() && !detail.equals(title)) {
      sentence.append(sentence.isEmpty() ? "" : ": ").append(detail);
    }
    for (JsonNode error : problem.path("errors")) {
      String pointer = Json.text(error, "pointer");
      String what = Json.text(error, "detail");
      if (!what.isEmpty() && !detail.contains(what)) {
        sentence
            .append("\n  ")
            .append(pointer.isEmpty() ? "" : pointer.replaceFirst("^#?/", "") + ": ")
            .append(what);
      }
    }
    if (status == HttpURLConnection.HTTP_UNAUTHORIZED) {
      sentence.append(sentence.isEmpty() ? "" : " ");
      sentence.append(
          farm.token() == null
              ? "No token was sent: set GRANGE_TOKEN_FILE or give --token-file."
              : "The farm at %s did not accept the token from %s."
                  .formatted(farm.url(), farm.tokenSource()));
    }
    if (sentence.isEmpty()) {
      sentence.append(
          switch (status) {
            case HttpURLConnection.HTTP_FORBIDDEN -> "You may not do that with this token.";
            case HttpURLConnection.HTTP_NOT_FOUND ->
                "The farm knows nothing of that name, or you may not see it.";
            default ->
                "%s answered HTTP %d. Is that the address of a farm?".formatted(farm.url(), status);
          });
    }
    return sentence.toString();
  }

  private static @Nullable Duration retryAfter(HttpURLConnection connection) {
    long seconds = connection.getHeaderFieldLong("Retry-After", -1);
    return seconds < 0 ? null : Duration.ofSeconds(seconds);
  }

  private JsonNode json(HttpURLConnection connection) throws IOException {
    contacted = true;
    try (InputStream in = connection.getInputStream()) {
      JsonNode answer = Json.MAPPER.readTree(in.readAllBytes());
      return answer == null ? Json.MAPPER.missingNode() : answer;
    } catch (JacksonException e) {
      throw new CommandFailure(
          ExitCode.API, farm.url() + " did not answer in JSON. Is that the address of a farm?", e);
    }
  }

  private Boolean drained(HttpURLConnection connection) {
    contacted = true;
    return connection.getContentLengthLong() >= 0;
  }

  @FunctionalInterface
  private interface Call<T> {
    T run() throws IOException;
  }

  /**
   * Tries until it works, is refused, or the patience is used up. Patience counts pauses, so it
   * needs no clock.
   */
  private <T> T repeat(Call<T> call) {
    Duration patience = Duration.ZERO;
    for (int tries = 0; ; tries++) {
      Duration wait = Duration.ofMillis(Math.min(200L << Math.min(tries, 6), 5_000));
      Duration limit;
      CommandFailure failure;
      try {
        T result = call.run();
        contacted = true;
        return result;
      } catch (ConnectException | NoRouteToHostException | UnknownHostException e) {
        // Never reached the farm: to try again is safe whatever it was.
        limit = contacted ? AFTER_CONTACT : FIRST_CONTACT;
        failure = unreachable(e);
      } catch (SSLException e) {
        throw new CommandFailure(
            ExitCode.API,
            "The farm's certificate at %s is not trusted: %s".formatted(farm.url(), message(e)),
            e);
      } catch (InterruptedIOException e) {
        limit = AFTER_CONTACT;
        failure =
            new CommandFailure(
                ExitCode.API,
                "The farm at %s does not answer. Try again later, or look at `%s status`."
                    .formatted(farm.url(), command),
                e);
      } catch (IOException e) {
        limit = AFTER_CONTACT;
        failure =
            new CommandFailure(
                ExitCode.API,
                "The connection to the farm at %s broke: %s".formatted(farm.url(), message(e)),
                e);
      } catch (ApiException e) {
        contacted = true;
        if (!List.of(502, 503, 504).contains(e.status())) {
          throw e;
        }
        limit = AFTER_CONTACT;
        failure = e;
        Duration asked = e.retryAfter();
        if (asked != null) {
          wait = asked.compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : asked;
        }
      }
      // An answer of "at once" again and again must end too.
      patience = patience.plus(wait).plusMillis(50);
      if (patience.compareTo(limit) > 0) {
        throw failure;
      }
      rest(wait);
    }
  }

  private CommandFailure unreachable(IOException e) {
    String host = String.valueOf(farm.url().getHost());
    boolean here = host.equals("localhost") || host.startsWith("127.") || host.equals("[::1]");
    return new CommandFailure(
        ExitCode.API,
        here
            ? "No farm answers at %s. Start it with `%s up -d`.".formatted(farm.url(), command)
            : "The farm at %s cannot be reached: %s. Check --url or GRANGE_URL."
                .formatted(farm.url(), message(e)),
        e);
  }

  private static String message(IOException e) {
    String message = e.getMessage();
    return message == null ? e.getClass().getSimpleName() : message;
  }

  private void rest(Duration duration) {
    try {
      pause.forDuration(duration);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CommandFailure(ExitCode.DETACHED, "Interrupted.", e);
    }
  }
}
