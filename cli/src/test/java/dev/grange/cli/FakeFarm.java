package dev.grange.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.UnaryOperator;

/**
 * A farm of one build, which moves on by one state each time it is looked at. Speaks the API's
 * HTTP.
 */
public final class FakeFarm implements AutoCloseable {

  public static final String ID = "0192f0c1-0000-7000-8000-000000000001";
  public static final String TOKEN = "grange_test";
  public static final String DIGEST = "sha256:" + "a".repeat(64);
  static final ObjectMapper JSON = new ObjectMapper();

  /** An answer given once instead of the usual one. */
  public record Answer(int status, String retryAfter, String body) {}

  private final HttpServer server;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final Deque<UnaryOperator<ObjectNode>> steps = new ArrayDeque<>();
  private final Deque<Answer> answers = new ArrayDeque<>();
  private ObjectNode build = fresh();
  private String log = "";
  private int logPieces = 1;
  public final List<String> requests = Collections.synchronizedList(new ArrayList<>());
  public final List<String> keys = Collections.synchronizedList(new ArrayList<>());
  public final List<JsonNode> submissions = Collections.synchronizedList(new ArrayList<>());
  public final ConcurrentHashMap<String, String> routes = new ConcurrentHashMap<>();
  public final ConcurrentHashMap<String, JsonNode> bodies = new ConcurrentHashMap<>();
  public final ConcurrentHashMap<String, byte[]> contexts = new ConcurrentHashMap<>();
  public final List<String> lastEventIds = Collections.synchronizedList(new ArrayList<>());

  public FakeFarm() {
    try {
      server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    server.setExecutor(threads);
    server.createContext("/api/v1/", this::handle);
    server.start();
  }

  public String url() {
    return "http://127.0.0.1:" + server.getAddress().getPort();
  }

  static ObjectNode fresh() {
    return object(
        """
        {"id":"%s","project":"default","image":"hello","tags":["latest"],"state":"QUEUED",
         "created_at":"2026-01-01T00:00:00Z","started_at":null,"finished_at":null,"final":false,
         "failure":null,"candidate":null,"release":null,"cancel_requested":false,"scratch":false,
         "waiting":{"reason":"NoFreeSlot","message":"every slot is taken"},
         "platform_builds":[{"platform":"linux/amd64","state":"QUEUED","digest":null,"failure":null,
           "attempts":[]}]}
        """
            .formatted(ID));
  }

  static ObjectNode object(String json) {
    try {
      return (ObjectNode) JSON.readTree(json);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What the build becomes after the next look. */
  public synchronized FakeFarm then(UnaryOperator<ObjectNode> step) {
    steps.add(step);
    return this;
  }

  public synchronized FakeFarm instead(int status, String retryAfter, String body) {
    answers.add(new Answer(status, retryAfter, body));
    return this;
  }

  /** The build's log, sent in pieces that each need a new connection. */
  public synchronized FakeFarm log(String text, int pieces) {
    log = text;
    logPieces = pieces;
    return this;
  }

  public FakeFarm building() {
    return then(
        build -> {
          build.put("state", "RUNNING").putNull("waiting");
          build.put("started_at", "2026-01-01T00:00:01Z");
          ((ArrayNode) build.path("platform_builds").path(0).path("attempts"))
              .add(
                  object(
                      """
                      {"id":"att-1","kind":"BUILD","number":1,"cluster":"local","node":"n",
                       "state":"BUILDING","finished_at":null,"failure":null,"digest":null,"log_bytes":0}
                      """));
          return build;
        });
  }

  public FakeFarm succeeding() {
    return then(
        build -> {
          build.put("state", "SUCCEEDED").put("finished_at", "2026-01-01T00:00:09Z");
          build.set(
              "candidate",
              object(
                  "{\"pullspec\":\"127.0.0.1:7050/builds/%s@%s\",\"digest\":\"%s\"}"
                      .formatted(ID, DIGEST, DIGEST)));
          ObjectNode attempt = attempt(build);
          attempt.put("state", "SUCCEEDED").put("digest", DIGEST).put("finished_at", "x");
          attempt.put("log_bytes", log.getBytes(StandardCharsets.UTF_8).length);
          build.set(
              "release",
              object(
                  """
                  {"id":"rel-1","state":"TESTING","policy":"default","policy_version":1,"decision":null,
                   "tests":[{"test_case":"smoke","platform":"linux/amd64","outcome":"RUNNING",
                     "message":null,"attempts":[]}],"targets":[]}
                  """));
          return build;
        });
  }

  public FakeFarm failing(String fault, String reason, String message) {
    return then(
        build -> {
          ObjectNode failure = object("{}");
          failure.put("fault", fault).put("reason", reason).put("message", message);
          build.put("state", "FAILED").put("final", true).set("failure", failure);
          ((ObjectNode) build.path("platform_builds").path(0)).put("state", "FAILED");
          ObjectNode attempt = attempt(build);
          attempt.put("state", "FAILED").put("finished_at", "x").set("failure", failure);
          attempt.put("log_bytes", log.getBytes(StandardCharsets.UTF_8).length);
          return build;
        });
  }

  public FakeFarm promoted() {
    return then(
        build -> {
          build.put("final", true);
          ObjectNode release = (ObjectNode) build.path("release");
          release.put("state", "PROMOTED");
          ((ObjectNode) release.path("tests").path(0)).put("outcome", "PASSED");
          ((ArrayNode) release.path("targets"))
              .add(
                  object(
                      """
                      {"registry":"stable","pullspec":"127.0.0.1:7051/hello@%s","state":"DONE",
                       "tag_pullspecs":["127.0.0.1:7051/hello:latest"],"tags":["latest"],
                       "outcome":"published","last_error":null}
                      """
                          .formatted(DIGEST)));
          return build;
        });
  }

  public FakeFarm blocked() {
    return then(
        build -> {
          build.put("final", true);
          ObjectNode release = (ObjectNode) build.path("release");
          release.put("state", "BLOCKED");
          ((ObjectNode) release.path("tests").path(0))
              .put("outcome", "FAILED")
              .put("message", "it does not greet");
          return build;
        });
  }

  private static ObjectNode attempt(ObjectNode build) {
    return (ObjectNode) build.path("platform_builds").path(0).path("attempts").path(0);
  }

  /** Answers 200 with a body to a method and path. */
  public FakeFarm answering(String methodAndPath, String body) {
    routes.put(methodAndPath, body);
    return this;
  }

  private synchronized JsonNode look() {
    ObjectNode now = build.deepCopy();
    UnaryOperator<ObjectNode> step = steps.poll();
    if (step != null) {
      build = step.apply(build);
    }
    return now;
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      String method = exchange.getRequestMethod();
      String path = exchange.getRequestURI().getPath().substring("/api/v1".length());
      byte[] body = exchange.getRequestBody().readAllBytes();
      requests.add(
          method + " " + exchange.getRequestURI().toString().substring("/api/v1".length()));
      String key = exchange.getRequestHeaders().getFirst("Idempotency-Key");
      if (key != null) {
        keys.add(key);
      }
      Answer answer;
      synchronized (this) {
        answer = answers.poll();
      }
      if (answer != null) {
        if (!answer.retryAfter().isEmpty()) {
          exchange.getResponseHeaders().add("Retry-After", answer.retryAfter());
        }
        send(exchange, answer.status(), answer.body());
      } else if (!("Bearer " + TOKEN)
          .equals(exchange.getRequestHeaders().getFirst("Authorization"))) {
        problem(exchange, 401, "unauthenticated", "Who are you?");
      } else {
        route(exchange, method, path, body);
      }
    }
  }

  private void route(HttpExchange exchange, String method, String path, byte[] body)
      throws IOException {
    String own = "/builds/" + ID;
    String route = routes.get(method + " " + path);
    if (route != null) {
      bodies.put(
          method + " " + path, body.length == 0 ? JSON.createObjectNode() : JSON.readTree(body));
      send(exchange, 200, route);
      return;
    }
    if (path.equals("/builds") && method.equals("POST")) {
      submissions.add(JSON.readTree(body));
      send(exchange, 202, build.toString());
    } else if (path.equals("/builds")) {
      send(exchange, 200, "{\"items\":[" + look() + "],\"next_cursor\":null}");
    } else if (path.equals(own)) {
      send(exchange, 200, look().toString());
    } else if (path.equals(own + "/log")) {
      log(exchange);
    } else if (path.equals(own + "/events")) {
      String item =
          "{\"id\":\"e1\",\"type\":\"dev.cdevents.build.queued.0.3.0\",\"subject\":\"%s\",\"created_at\":\"2026-01-01T00:00:00Z\",\"published_at\":\"2026-01-01T00:00:01Z\",\"event\":{}}"
              .formatted(ID);
      if (String.valueOf(exchange.getRequestHeaders().getFirst("Accept"))
          .contains("event-stream")) {
        send(exchange, 200, "id: e1\ndata: " + item + "\n\nevent: end\ndata: {}\n\n");
      } else {
        send(exchange, 200, "{\"items\":[" + item + "]}");
      }
    } else if (path.equals(own + "/cancel")) {
      send(exchange, 202, "{\"request_id\":\"req-1\"}");
    } else if (path.equals(own + "/retry")) {
      send(exchange, 202, build.toString());
    } else if (path.equals(own + "/explain")) {
      send(
          exchange,
          200,
          "{\"state\":\"QUEUED\",\"reason\":\"NoFreeSlot\",\"message\":\"every slot is"
              + " taken\",\"clusters\":{\"local\":\"full\"}}");
    } else if (path.equals("/requests/req-1")) {
      send(exchange, 200, "{\"id\":\"req-1\",\"answer\":null}");
    } else if (path.equals("/clusters")) {
      send(
          exchange,
          200,
          "{\"items\":[{\"name\":\"local\",\"kind\":\"local\",\"desired\":\"ACTIVE\",\"reachable\":true,\"slots\":2,\"platforms\":[\"linux/amd64\"]}]}");
    } else if (path.startsWith("/contexts/")) {
      exchange.sendResponseHeaders(contexts.containsKey(path.substring(10)) ? 200 : 404, -1);
    } else if (path.equals("/contexts")) {
      String digest = ContextDigest.of(body);
      contexts.put(digest, body);
      send(exchange, 201, "{\"digest\":\"" + digest + "\",\"size\":1,\"entries\":1}");
    } else {
      problem(exchange, 404, "not-found", "There is no such thing.");
    }
  }

  /**
   * Piece by piece: each connection carries one piece, and the next goes on behind Last-Event-ID.
   */
  private void log(HttpExchange exchange) throws IOException {
    if (!String.valueOf(exchange.getRequestHeaders().getFirst("Accept")).contains("event-stream")) {
      send(exchange, 200, log);
      return;
    }
    String last = exchange.getRequestHeaders().getFirst("Last-Event-ID");
    if (last != null) {
      lastEventIds.add(last);
    }
    int from = last == null ? 0 : Integer.parseInt(last.substring(last.indexOf(':') + 1));
    int length = log.length() / logPieces;
    int to = log.length() - from < 2 * length ? log.length() : from + length;
    ObjectNode data = object("{}");
    data.put("attempt", "att-1").put("kind", "build").put("offset", from);
    data.put("text", log.substring(from, to));
    send(
        exchange,
        200,
        ": ping\n\nid: att-1:%d\ndata: %s\n\n%s"
            .formatted(to, data, to == log.length() ? "event: end\ndata: {}\n\n" : ""));
  }

  private static void problem(HttpExchange exchange, int status, String code, String detail)
      throws IOException {
    send(
        exchange,
        status,
        "{\"title\":\"Refused\",\"status\":%d,\"code\":\"%s\",\"detail\":\"%s\"}"
            .formatted(status, code, detail));
  }

  private static void send(HttpExchange exchange, int status, String body) throws IOException {
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    boolean head = exchange.getRequestMethod().equals("HEAD");
    exchange.sendResponseHeaders(status, head || bytes.length == 0 ? -1 : bytes.length);
    if (!head) {
      exchange.getResponseBody().write(bytes);
    }
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
