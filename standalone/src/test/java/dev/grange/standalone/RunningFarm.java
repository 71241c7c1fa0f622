package dev.grange.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.grange.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;

/**
 * A whole standalone farm as people run it: supervisor, PostgreSQL, Kafka, registries and both
 * applications, each the process that it is in life. In a home of its own below target/, on ports
 * that nobody else has.
 */
final class RunningFarm {
  static final Duration PATIENCE = Duration.ofSeconds(90);
  static final ObjectMapper JSON = new ObjectMapper();
  static final Path ROOT = root();

  private static final HttpClient HTTP =
      HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();

  private final Home home;
  private final Map<String, String> settings;
  private final Ports ports;
  private final WorkerStarts workers;
  private final List<Process> others = new ArrayList<>();
  private @Nullable Process supervisor;

  private RunningFarm(Home home, Map<String, String> settings, Ports ports, WorkerStarts workers) {
    this.home = home;
    this.settings = settings;
    this.ports = ports;
    this.workers = workers;
  }

  /** A farm that is not started yet. */
  static RunningFarm in(String name, Map<String, String> settings) throws Exception {
    for (String built :
        List.of(
            "build-service/target/quarkus-app/quarkus-run.jar",
            "scheduler/target/quarkus-app/quarkus-run.jar",
            "cli/target/grange-cli.jar")) {
      if (!Files.isRegularFile(ROOT.resolve(built))) {
        throw new IllegalStateException(
            ROOT.resolve(built)
                + " is not there: these tests run the built programs. Build them first, in "
                + ROOT
                + ": ./mvnw -DskipTests package");
      }
    }
    Path directory = ROOT.resolve("standalone/target/farms").resolve(name);
    Tools.run("rm", "-rf", directory.toString());
    Home home = new Home(directory);
    home.create();
    // Not the well-known ports: a farm may be running on this machine.
    Ports ports = Ports.keptIn(home.ports(), port -> port >= 20_000);
    return new RunningFarm(home, settings, ports, WorkerStarts.in(directory.resolve("worker-bin")));
  }

  Home home() {
    return home;
  }

  Ports ports() {
    return ports;
  }

  WorkerStarts workers() {
    return workers;
  }

  /**
   * Starts it and waits until it is ready.
   *
   * @return how long that took
   */
  Duration start() throws Exception {
    Files.deleteIfExists(home.farm());
    long began = System.nanoTime();
    Process process = supervisor("up");
    supervisor = process;
    Awaitility.await()
        .atMost(PATIENCE)
        .untilAsserted(
            () -> {
              assertThat(process.isAlive()).as(() -> output()).isTrue();
              assertThat(home.farm()).exists();
            });
    return Duration.ofNanos(System.nanoTime() - began);
  }

  /** As {@code ./grange down}. */
  Duration down() throws Exception {
    long began = System.nanoTime();
    assertThat(supervisor("down").waitFor()).as("exit status of down").isZero();
    return Duration.ofNanos(System.nanoTime() - began);
  }

  private Process supervisor(String command) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
            Tools.java(),
            "-Xmx192m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Xlog:disable",
            "-cp",
            System.getProperty("java.class.path"),
            Main.class.getName(),
            command);
    builder
        .redirectErrorStream(true)
        .redirectOutput(
            ProcessBuilder.Redirect.appendTo(home.directory().resolve("out-" + command).toFile()));
    Map<String, String> environment = builder.environment();
    environment.put("GRANGE_HOME", home.directory().toString());
    environment.put("GRANGE_APPS", ROOT.toString());
    environment.put("GRANGE_LOCAL_WORKER_BIN", workers.bin().toString());
    environment.putAll(settings);
    return builder.start();
  }

  /** What the supervisor has said so far. */
  String output() {
    try {
      return Files.readString(home.directory().resolve("out-up"));
    } catch (IOException e) {
      return "no output: " + e;
    }
  }

  // ── Its processes
  // ───────────────────────────────────────────────────────────────────────────────

  /** Every process that knows the home by its command line, environment, folder or root. */
  List<Long> processes() throws IOException {
    List<Long> found = new ArrayList<>();
    long self = ProcessHandle.current().pid();
    try (Stream<Path> all = Files.list(Path.of("/proc"))) {
      for (Path process : all.toList()) {
        String name = process.getFileName().toString();
        if (name.matches("[0-9]+") && Long.parseLong(name) != self && namesTheHome(process)) {
          found.add(Long.valueOf(name));
        }
      }
    }
    return found;
  }

  private boolean namesTheHome(Path process) {
    String path = home.directory().toString();
    for (String file : List.of("cmdline", "environ")) {
      try {
        if (new String(Files.readAllBytes(process.resolve(file)), StandardCharsets.ISO_8859_1)
            .contains(path)) {
          return true;
        }
      } catch (IOException e) {
        // it has ended, or is another user's
      }
    }
    for (String link : List.of("cwd", "root")) {
      try {
        if (Files.readSymbolicLink(process.resolve(link)).toString().startsWith(path)) {
          return true;
        }
      } catch (IOException e) {
        // as above
      }
    }
    return false;
  }

  /** The process of a part that was (re)started last, as the supervisor says it. */
  long pidOf(String part) {
    return output()
        .lines()
        .filter(line -> line.startsWith("%-14s re".formatted(part)) && line.contains("pid "))
        .map(line -> line.replaceAll(".*pid ([0-9]+).*", "$1"))
        .mapToLong(Long::parseLong)
        .reduce((first, second) -> second)
        .orElseThrow();
  }

  int timesRestarted(String part) {
    return (int)
        output().lines().filter(l -> l.startsWith("%-14s restarted".formatted(part))).count();
  }

  /** Kills a part and waits until the supervisor has started it again. */
  void killAndAwaitRestart(String part) throws Exception {
    int before = timesRestarted(part);
    Tools.signal("KILL", pidOf(part));
    Awaitility.await().atMost(PATIENCE).until(() -> timesRestarted(part) > before);
  }

  /** As a power cut: everything at once, workers too. */
  void killEverything() {
    Awaitility.await()
        .atMost(PATIENCE)
        .until(
            () -> {
              List<Long> all = processes();
              if (!all.isEmpty()) {
                Tools.signal("KILL", all.stream().mapToLong(Long::longValue).toArray());
              }
              return all.isEmpty();
            });
  }

  /** The processes of workers that run now: the number in each folder's pid file. */
  List<Long> workerPids() throws IOException {
    List<Long> pids = new ArrayList<>();
    try (Stream<Path> files = Files.find(home.local(), 3, (file, _) -> file.endsWith("pid"))) {
      for (Path file : files.toList()) {
        try {
          long pid = Long.parseLong(Files.readString(file).split(" ", -1)[0].strip());
          if (Files.exists(Path.of("/proc", Long.toString(pid)))) {
            pids.add(pid);
          }
        } catch (IOException | NumberFormatException e) {
          // removed, or not written yet
        }
      }
    } catch (java.io.UncheckedIOException e) {
      return pids; // a folder went away under the walk
    }
    return pids;
  }

  /** Nothing of it is left: no process and no mount. */
  void assertNothingIsLeft() {
    Awaitility.await()
        .atMost(Duration.ofSeconds(30))
        .untilAsserted(
            () -> {
              assertThat(processes()).as("processes that name the home").isEmpty();
              assertThat(Files.readString(Path.of("/proc/mounts")))
                  .doesNotContain(home.directory().toString());
            });
  }

  /** A scheduler beside the farm's own, with the same database and folder, on its own port. */
  Process secondScheduler(Map<String, String> more) throws Exception {
    int port = dev.grange.embedded.FreePorts.any();
    Path first = Path.of("/proc", Long.toString(pidOf("scheduler")));
    List<String> command =
        List.of(Files.readString(first.resolve("cmdline")).split("\0", -1)).stream()
            .filter(word -> !word.isEmpty())
            .toList();
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(home.log("scheduler-2").toFile());
    builder.environment().clear();
    for (String entry : Files.readString(first.resolve("environ")).split("\0", -1)) {
      int equals = entry.indexOf('=');
      if (equals > 0) {
        builder.environment().put(entry.substring(0, equals), entry.substring(equals + 1));
      }
    }
    builder.environment().put("QUARKUS_HTTP_PORT", Integer.toString(port));
    // They share the key of the token service, not the port.
    builder
        .environment()
        .put("GRANGE_TOKENS_PORT", Integer.toString(dev.grange.embedded.FreePorts.any()));
    builder.environment().putAll(more);
    Process process = builder.start();
    others.add(process);
    Awaitility.await()
        .atMost(PATIENCE)
        .until(
            () ->
                dev.grange.embedded.HttpProbe.status("http://127.0.0.1:" + port + "/q/health/ready")
                    == 200);
    return process;
  }

  // ── Its API
  // ─────────────────────────────────────────────────────────────────────────────────────

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
    return HttpRequest.newBuilder(
            URI.create("http://" + ports.local(Ports.Name.API) + "/api/v1" + path))
        .timeout(Duration.ofSeconds(60))
        .header("Authorization", "Bearer " + Files.readString(home.token()).strip());
  }

  HttpResponse<String> submit(ObjectNode build, String... headers) throws Exception {
    List<String> all = new ArrayList<>(List.of(headers));
    all.addAll(List.of("Content-Type", "application/json"));
    return post("/builds", BodyPublishers.ofString(build.toString()), all.toArray(String[]::new));
  }

  /** Submits and returns the id. */
  String accepted(ObjectNode build) throws Exception {
    HttpResponse<String> answer = submit(build);
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(202);
    return JSON.readTree(answer.body()).get("id").asText();
  }

  /** A context that has a static busybox and nothing else. */
  String uploadBusybox() throws Exception {
    Path folder = Files.createDirectories(home.directory().resolve("busybox-context"));
    Files.copy(
        Tools.busybox(),
        folder.resolve("busybox"),
        java.nio.file.StandardCopyOption.REPLACE_EXISTING,
        java.nio.file.StandardCopyOption.COPY_ATTRIBUTES);
    Path archive = home.directory().resolve("busybox-context.tar");
    Tools.run("tar", "-C", folder.toString(), "-cf", archive.toString(), "busybox");
    HttpResponse<String> answer = post("/contexts", BodyPublishers.ofFile(archive));
    assertThat(answer.statusCode()).as(answer.body()).isIn(200, 201);
    return JSON.readTree(answer.body()).get("digest").asText();
  }

  /**
   * A build and a test that take their time; each name gives another image.
   *
   * @param build seconds that its RUN line sleeps
   * @param test seconds that its own test sleeps
   */
  static ObjectNode slow(String name, String context, int build, int test) {
    return JSON.createObjectNode()
        .put("image", name)
        .put("context", context)
        .put(
            "containerfile",
            """
            FROM scratch
            COPY busybox /bin/busybox
            RUN ["/bin/busybox", "sh", "-c", "/bin/busybox --install -s /bin && echo %s >/name && sleep %d && echo slept"]
            LABEL dev.grange.test="sleep %d"
            """
                .formatted(name, build, test));
  }

  JsonNode build(String id) throws Exception {
    HttpResponse<String> answer = get("/builds/" + id);
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    return JSON.readTree(answer.body());
  }

  JsonNode awaitFinal(String id) {
    return awaitBuild(id, "final", build -> build.get("final").asBoolean());
  }

  JsonNode awaitBuild(String id, String what, java.util.function.Predicate<JsonNode> condition) {
    JsonNode[] last = new JsonNode[1];
    try {
      Awaitility.await()
          .atMost(PATIENCE)
          .ignoreExceptions()
          .until(
              () -> {
                last[0] = build(id);
                return condition.test(last[0]);
              });
    } catch (org.awaitility.core.ConditionTimeoutException e) {
      throw new AssertionError(
          "build %s is not %s: %s\n%s".formatted(id, what, last[0], output()), e);
    }
    return last[0];
  }

  /** Waits until a step of the worker has begun, which its log tells. */
  void awaitStep(String id, String kind, String step) {
    Awaitility.await()
        .alias(id + " in step " + step)
        .atMost(PATIENCE)
        .ignoreExceptions()
        .until(
            () ->
                get("/builds/" + id + "/log?kind=" + kind)
                    .body()
                    .contains("::grange::section::" + step + "::start"));
  }

  String awaitPromoted(String id) {
    JsonNode build = awaitFinal(id);
    assertThat(build.get("state").asText()).as(build.toString()).isEqualTo("SUCCEEDED");
    assertThat(build.at("/release/state").asText()).as(build.toString()).isEqualTo("PROMOTED");
    return build.at("/candidate/digest").asText();
  }

  // ── What others see of it
  // ───────────────────────────────────────────────────────────────────────

  /** The bytes of a manifest of the stable registry; null if there is none. */
  byte @Nullable [] stableManifest(String repository, String reference)
      throws IOException, InterruptedException {
    HttpResponse<byte[]> answer =
        HTTP.send(
            HttpRequest.newBuilder(
                    URI.create(
                        "http://%s/v2/%s/manifests/%s"
                            .formatted(ports.local(Ports.Name.STABLE), repository, reference)))
                .header(
                    "Accept",
                    "application/vnd.oci.image.index.v1+json,"
                        + " application/vnd.oci.image.manifest.v1+json")
                .header("Authorization", "Bearer " + everybodysToken("stable", repository))
                .build(),
            BodyHandlers.ofByteArray());
    return answer.statusCode() == 200 ? answer.body() : null;
  }

  /** What anybody gets who wants to pull. */
  private String everybodysToken(String registry, String repository)
      throws IOException, InterruptedException {
    String realm =
        settings.getOrDefault(
            "GRANGE_TOKENS_REALM", "http://" + ports.local(Ports.Name.TOKENS) + "/token");
    URI uri =
        URI.create("%s?service=%s&scope=repository:%s:pull".formatted(realm, registry, repository));
    HttpResponse<String> answer =
        HTTP.send(
            HttpRequest.newBuilder(uri).timeout(Duration.ofSeconds(10)).build(),
            BodyHandlers.ofString());
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    return JSON.readTree(answer.body()).get("token").asText();
  }

  /** The image is in the stable registry under its digest and its tag. */
  void assertInStable(String image, String digest) throws Exception {
    for (String reference : List.of(digest, "latest")) {
      byte[] manifest = stableManifest("default/" + image, reference);
      assertThat(manifest).as("default/%s %s in stable", image, reference).isNotNull();
      assertThat(Tools.sha256(manifest)).isEqualTo(digest);
    }
  }

  Told told() {
    return Told.by(ports.local(Ports.Name.KAFKA));
  }

  /** As the owner: for looking only. */
  Connection database() throws Exception {
    return DriverManager.getConnection(
        "jdbc:postgresql://" + ports.local(Ports.Name.POSTGRES) + "/" + Provisioning.DATABASE,
        EmbeddedPostgres.OWNER,
        Files.readString(home.data("postgres").resolve("owner-password")).strip());
  }

  long count(String sql) throws Exception {
    try (Connection connection = database();
        var statement = connection.createStatement();
        var rows = statement.executeQuery(sql)) {
      rows.next();
      return rows.getLong(1);
    }
  }

  /** The client's jar, called as the launcher calls it. */
  Tools.Result client(String... arguments) throws Exception {
    List<String> command =
        new ArrayList<>(
            List.of(
                Tools.java(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Xlog:disable",
                "-cp",
                ROOT.resolve("cli/target/grange-cli.jar").toString(),
                "dev.grange.cli.Main"));
    command.addAll(List.of(arguments));
    Map<String, String> environment = new HashMap<>();
    environment.put("GRANGE_HOME", home.directory().toString());
    environment.put("GRANGE_ROOT", ROOT.toString());
    environment.put("GRANGE_COMMAND", "./grange");
    return Tools.run(command, environment);
  }

  /** Copies an example and puts a static busybox beside it. */
  Path staged(String example) throws Exception {
    Path folder = Files.createDirectories(home.directory().resolve("staged").resolve(example));
    Tools.run("cp", "-a", ROOT.resolve("examples").resolve(example) + "/.", folder.toString());
    Files.copy(
        Tools.busybox(),
        folder.resolve("busybox"),
        java.nio.file.StandardCopyOption.REPLACE_EXISTING,
        java.nio.file.StandardCopyOption.COPY_ATTRIBUTES);
    return folder;
  }

  /** Stops it, whatever it takes. */
  void end() throws Exception {
    others.forEach(Process::destroyForcibly);
    Process running = supervisor;
    if (running != null && running.isAlive()) {
      running.destroy();
      if (!running.waitFor(40, java.util.concurrent.TimeUnit.SECONDS)) {
        running.destroyForcibly();
      }
    }
    killEverything();
  }

  private static Path root() {
    try {
      Path classes =
          Path.of(RunningFarm.class.getProtectionDomain().getCodeSource().getLocation().toURI());
      return classes.resolve("../../..").toRealPath(); // standalone/target/test-classes
    } catch (IOException | java.net.URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }
}
