package dev.grange.testbed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.awaitility.core.ConditionTimeoutException;

/**
 * The farm as it is shipped: {@code ./grange up -d} in a home of its own, with its registries where
 * the clusters reach them.
 */
final class Farm implements AutoCloseable {
  static final Duration PATIENCE = Duration.ofMinutes(5);
  static final ObjectMapper JSON = new ObjectMapper();

  private static final HttpClient HTTP =
      HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();

  private final Path home;
  private final Map<String, String> environment;
  private JsonNode file = JSON.nullNode();

  private Farm(Path home, Map<String, String> environment) {
    this.home = home;
    this.environment = environment;
  }

  /**
   * Starts a farm.
   *
   * @param address where its registries listen
   * @param settings of the environment
   */
  static Farm up(String name, String address, Map<String, String> settings) {
    Path home = Testbed.root().resolve("testbed/target/farms").resolve(name);
    Map<String, String> environment = new TreeMap<>(settings);
    environment.put("GRANGE_HOME", home.toString());
    environment.put("GRANGE_REGISTRY_ADDRESS", address);
    Farm farm = new Farm(home, environment);
    farm.run("down");
    Command.must(List.of("rm", "-rf", home.toString()));
    try {
      Files.createDirectories(home);
      if (Testbed.areGiven()) {
        // the well-known ports: the nodes of those clusters were told of them
        farm.start();
        return farm;
      }
      // Not the well-known ports: a farm may be running on this machine.
      StringBuilder ports = new StringBuilder();
      for (String part :
          List.of(
              "api",
              "scheduler",
              "candidate",
              "stable",
              "tokens",
              "kafka",
              "kafka-controller",
              "postgres")) {
        ports.append(part).append('=').append(freePort()).append('\n');
      }
      Files.writeString(home.resolve("ports.properties"), ports);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    farm.start();
    return farm;
  }

  /** Starts it, or again. */
  void start() {
    must("up", "-d");
    try {
      file = JSON.readTree(home.resolve("farm.json").toFile());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    must("down");
  }

  Path home() {
    return home;
  }

  /** {@code host:port} of a registry: candidate or stable. */
  String registry(String which) {
    return file.path(which).asText().replaceFirst("^https?://", "");
  }

  /** Where a part listens, as its home says. */
  String port(String part) throws IOException {
    Properties ports = new Properties();
    try (var reader = Files.newBufferedReader(home.resolve("ports.properties"))) {
      ports.load(reader);
    }
    return ports.getProperty(part);
  }

  // ── As people use it

  /** Calls {@code ./grange}. */
  Command.Result run(String... arguments) {
    List<String> command = new ArrayList<>(List.of(Testbed.root().resolve("grange").toString()));
    command.addAll(List.of(arguments));
    return Command.run(command, environment);
  }

  /** Calls {@code ./grange}, which must succeed, and returns what it printed. */
  String must(String... arguments) {
    Command.Result result = run(arguments);
    assertThat(result.status()).as("%s: %s", String.join(" ", arguments), result).isZero();
    return result.out();
  }

  // ── Its API

  HttpResponse<String> get(String path) throws IOException, InterruptedException {
    return HTTP.send(request(path).GET().build(), BodyHandlers.ofString());
  }

  HttpResponse<String> post(String path, BodyPublisher body, String... headers)
      throws IOException, InterruptedException {
    HttpRequest.Builder request = request(path).POST(body);
    if (headers.length > 0) {
      request.headers(headers);
    }
    return HTTP.send(request.build(), BodyHandlers.ofString());
  }

  private HttpRequest.Builder request(String path) throws IOException {
    return HttpRequest.newBuilder(URI.create(file.get("api").asText() + "/api/v1" + path))
        .timeout(Duration.ofSeconds(120))
        .header("Authorization", "Bearer " + Files.readString(home.resolve("token")).strip());
  }

  JsonNode json(String path) throws Exception {
    HttpResponse<String> answer = get(path);
    assertThat(answer.statusCode()).as(path + ": " + answer.body()).isEqualTo(200);
    return JSON.readTree(answer.body());
  }

  /** Submits and returns the id. */
  String submit(ObjectNode build) throws Exception {
    HttpResponse<String> answer =
        post(
            "/builds",
            BodyPublishers.ofString(build.toString()),
            "Content-Type",
            "application/json");
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(202);
    return JSON.readTree(answer.body()).get("id").asText();
  }

  /** Uploads a folder as a context and returns its digest. */
  String upload(Path folder) throws Exception {
    Path archive = Files.createTempFile(home, "context", ".tar");
    Command.must(List.of("tar", "-C", folder.toString(), "-cf", archive.toString(), "."));
    HttpResponse<String> answer = post("/contexts", BodyPublishers.ofFile(archive));
    Files.delete(archive);
    assertThat(answer.statusCode()).as(answer.body()).isIn(200, 201);
    return JSON.readTree(answer.body()).get("digest").asText();
  }

  /** A folder that has a static busybox and nothing else. */
  Path busybox() throws IOException {
    Path folder = Files.createDirectories(home.resolve("busybox-context"));
    Files.copy(
        Path.of(Command.must(List.of("sh", "-c", "command -v busybox")).strip()).toRealPath(),
        folder.resolve("busybox"),
        StandardCopyOption.REPLACE_EXISTING,
        StandardCopyOption.COPY_ATTRIBUTES);
    return folder;
  }

  /**
   * A build of an image from nothing, which takes its time.
   *
   * @param script what its second RUN line does, after busybox is installed
   */
  static ObjectNode build(String name, String context, String script) {
    return JSON.createObjectNode()
        .put("image", name)
        .put("context", context)
        .put(
            "containerfile",
            """
            FROM scratch
            COPY busybox /bin/busybox
            RUN ["/bin/busybox", "--install", "-s", "/bin"]
            RUN echo %s >/name && %s
            CMD ["/bin/cat", "/name"]
            """
                .formatted(name, script));
  }

  JsonNode build(String id) throws Exception {
    return json("/builds/" + id);
  }

  /** The log of a build, as it is kept. */
  String log(String id) throws Exception {
    return get("/builds/" + id + "/log?kind=build").body();
  }

  /** The types of a build's events, in their order. */
  List<String> events(String id) throws Exception {
    List<String> types = new ArrayList<>();
    JsonNode events = json("/builds/" + id + "/events");
    (events.isArray() ? events : events.path("items"))
        .forEach(event -> types.add(event.path("type").asText()));
    return types;
  }

  JsonNode awaitBuild(String id, String what, Predicate<JsonNode> condition) {
    JsonNode[] last = new JsonNode[1];
    try {
      await()
          .atMost(PATIENCE)
          .pollInterval(Duration.ofMillis(250))
          .ignoreExceptions()
          .until(
              () -> {
                last[0] = build(id);
                return condition.test(last[0]);
              });
    } catch (ConditionTimeoutException e) {
      throw new AssertionError("build %s is not %s: %s".formatted(id, what, last[0]), e);
    }
    return last[0];
  }

  JsonNode awaitFinal(String id) {
    return awaitBuild(id, "final", build -> build.get("final").asBoolean());
  }

  /** Waits until it is promoted, once, and returns the digest. */
  String awaitPromoted(String id) throws Exception {
    JsonNode build = awaitFinal(id);
    assertThat(build.get("state").asText()).as(build.toString()).isEqualTo("SUCCEEDED");
    assertThat(build.at("/release/state").asText()).as(build.toString()).isEqualTo("PROMOTED");
    assertThat(events(id)).filteredOn(type -> type.contains(".artifact.published.")).hasSize(1);
    return build.at("/candidate/digest").asText();
  }

  /** Waits until a step of the worker has begun, which its log tells. */
  void awaitStep(String id, String step) {
    await()
        .alias(id + " in step " + step)
        .atMost(PATIENCE)
        .ignoreExceptions()
        .until(() -> log(id).contains("::grange::section::" + step + "::start"));
  }

  /** Kills a part as by {@code kill -9}, and waits until the supervisor has started it again. */
  void killAndAwaitRestart(String part) {
    long before = pidOf(part);
    Command.must(List.of("kill", "-KILL", Long.toString(before)));
    await().atMost(PATIENCE).until(() -> pidOf(part) != before && answers());
  }

  private boolean answers() throws Exception {
    return get("/clusters").statusCode() == 200;
  }

  /** The process of a part that was (re)started last, as the supervisor says it. */
  private long pidOf(String part) {
    try {
      return Files.readAllLines(home.resolve("log/up.log")).stream()
          .filter(line -> line.startsWith("%-14s re".formatted(part)) && line.contains("pid "))
          .map(line -> line.replaceAll(".*pid ([0-9]+).*", "$1"))
          .mapToLong(Long::parseLong)
          .reduce((first, second) -> second)
          .orElseThrow();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }
}
