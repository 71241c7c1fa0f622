package dev.grange.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.grange.registry.ChallengeAuthenticator;
import dev.grange.registry.Manifest;
import dev.grange.registry.Registry;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * The farm that is measured, as its users have it: builds go in over HTTP, and Kafka says when they
 * are through.
 */
final class Farm implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String PROMOTED = "dev.cdeventsx.grange-promotion.finished.";

  private final HttpClient http = HttpClient.newHttpClient();
  private final JsonNode address;
  private final String token;
  private final Registry candidate;
  private final Registry stable;
  private final Path workers;
  private final KafkaConsumer<String, String> consumer;
  private final Thread reader;
  private final Map<String, CountDownLatch> promoted = new ConcurrentHashMap<>();
  private final Map<String, Set<String>> published = new ConcurrentHashMap<>();
  private final Map<String, String> builds = new ConcurrentHashMap<>();
  private volatile boolean closed;

  private Farm(Path home, JsonNode address) throws IOException {
    this.address = address;
    this.token = Files.readString(Path.of(address.path("token_file").asText())).strip();
    this.candidate = registry(candidate());
    this.stable = registry(stable());
    this.workers = home.resolve("local/local");
    this.consumer =
        new KafkaConsumer<>(
            Map.of(
                "bootstrap.servers", address.path("kafka").asText(), "fetch.max.wait.ms", "5000"),
            new StringDeserializer(),
            new StringDeserializer());
    List<TopicPartition> partitions = new ArrayList<>();
    for (String topic : List.of("grange.builds.v1", "grange.releases.v1")) {
      List<PartitionInfo> found = List.of();
      while (found.isEmpty()) { // a new farm's topics are made when somebody first asks for them
        found = consumer.partitionsFor(topic);
      }
      found.forEach(p -> partitions.add(new TopicPartition(topic, p.partition())));
    }
    consumer.assign(partitions);
    consumer.seekToBeginning(partitions);
    this.reader = Thread.ofPlatform().daemon().name("events").start(this::read);
  }

  static Farm running(Path home) throws IOException {
    return new Farm(home, JSON.readTree(home.resolve("farm.json").toFile()));
  }

  String candidate() {
    return address.path("candidate").asText();
  }

  String stable() {
    return address.path("stable").asText();
  }

  String platform() {
    return System.getProperty("os.arch").equals("aarch64") ? "linux/arm64" : "linux/amd64";
  }

  private void read() {
    try (consumer) {
      while (!closed) {
        for (ConsumerRecord<String, String> event : consumer.poll(Duration.ofSeconds(10))) {
          published
              .computeIfAbsent(event.key(), _ -> ConcurrentHashMap.newKeySet())
              .add(header(event, "ce_id"));
          if (header(event, "ce_type").startsWith(PROMOTED)) {
            done(event.key()).countDown();
          }
        }
      }
    } catch (WakeupException e) {
      return; // closed
    }
  }

  private static String header(ConsumerRecord<String, String> event, String name) {
    Header header = event.headers().lastHeader(name);
    return header == null ? "" : new String(header.value(), StandardCharsets.UTF_8);
  }

  private CountDownLatch done(String build) {
    return promoted.computeIfAbsent(build, _ -> new CountDownLatch(1));
  }

  /**
   * Submits builds and waits until Kafka has said of each that it is promoted.
   *
   * @param containerfiles by the image's name
   * @param clients how many submit at once
   */
  void build(Map<String, String> containerfiles, int clients, Duration limit)
      throws IOException, InterruptedException {
    List<Future<String>> submitted = new ArrayList<>();
    try (ExecutorService pool = Executors.newFixedThreadPool(clients)) {
      containerfiles.forEach(
          (name, containerfile) -> submitted.add(pool.submit(() -> submit(name, containerfile))));
    }
    long end = System.nanoTime() + limit.toNanos();
    for (Future<String> build : submitted) {
      try {
        while (!done(build.get()).await(1, TimeUnit.SECONDS)) {
          if (!reader.isAlive() || System.nanoTime() > end) {
            throw new IOException("no news of it: " + get("/api/v1/builds/" + build.get()));
          }
        }
      } catch (ExecutionException e) {
        throw new IOException("a build was not accepted", e.getCause());
      }
    }
  }

  private String submit(String name, String containerfile)
      throws IOException, InterruptedException {
    ObjectNode body = JSON.createObjectNode().put("image", name).put("containerfile", containerfile);
    HttpRequest request =
        api("/api/v1/builds")
            .header("Content-Type", "application/json")
            .header("Idempotency-Key", name)
            .POST(BodyPublishers.ofString(body.toString()))
            .build();
    HttpResponse<String> answer = http.send(request, BodyHandlers.ofString());
    if (answer.statusCode() != 202) {
      throw new IOException(answer.statusCode() + " " + answer.body());
    }
    String id = JSON.readTree(answer.body()).path("id").asText();
    builds.put(name, id);
    return id;
  }

  private HttpRequest.Builder api(String path) {
    return HttpRequest.newBuilder(URI.create(address.path("api").asText() + path))
        .header("Authorization", "Bearer " + token);
  }

  private JsonNode get(String path) throws IOException, InterruptedException {
    HttpResponse<String> answer = http.send(api(path).build(), BodyHandlers.ofString());
    require(answer.statusCode() == 200, path + " answers " + answer.statusCode());
    return JSON.readTree(answer.body());
  }

  /**
   * Fails unless an image is what and where it should be on both sides.
   *
   * @param name of an image that was built on both
   * @param digest of the image that the shell loop pushed
   */
  void check(String name, String digest) throws IOException, InterruptedException {
    String id = String.valueOf(builds.get(name));
    JsonNode build = get("/api/v1/builds/" + id);
    JsonNode release = build.path("release");
    String index = release.path("digest").asText();
    require(release.path("state").asText().equals("PROMOTED"), name + " is not promoted: " + build);
    require(index.equals(build.at("/candidate/digest").asText()), name + ": candidate " + build);
    for (JsonNode test : release.path("tests")) {
      require(test.path("outcome").asText().equals("PASSED"), name + " did not pass: " + test);
    }
    require(release.path("tests").size() == 1, name + " was not tested");
    require(
        build.at("/platform_builds/0/digest").asText().equals(digest),
        name + ": the shell loop made " + digest + " and the farm " + build);
    require(resolve(stable, "default/" + name, "latest").equals(index), name + " is not stable");
    require(
        firstChild(stable, "default/" + name, index).equals(digest),
        name + ": the stable index lists another image");
    require(resolve(stable, "default/" + name, digest).equals(digest), name + ": no image");
    require(
        resolve(candidate, "shell/" + name, digest).equals(digest),
        name + ": not pushed");
    require(resolve(stable, "shell/" + name, "latest").equals(digest), name + ": not copied");
    Set<String> events = new HashSet<>();
    for (JsonNode event : get("/api/v1/builds/" + id + "/events").path("items")) {
      events.add(event.path("id").asText());
    }
    require(
        !events.isEmpty() && events.equals(published.get(id)), name + ": Kafka has other events");
  }

  private static void require(boolean condition, String complaint) throws IOException {
    if (!condition) {
      throw new IOException("THE RESULT IS WRONG, so there is no ratio: " + complaint);
    }
  }

  private static String resolve(Registry registry, String repository, String reference)
      throws IOException {
    return registry.resolve(repository, reference).orElse("");
  }

  private static String firstChild(Registry registry, String repository, String digest)
      throws IOException {
    Manifest index = registry.manifest(repository, digest).orElse(null);
    return index == null ? "" : index.children().getFirst().digest();
  }

  /** As everybody who pulls: without an account. */
  private static Registry registry(String host) {
    URI url = URI.create("http://" + host);
    return new Registry(url, new ChallengeAuthenticator(url, null));
  }

  /** Waits until no worker's folder is left and nobody prepares later starts. */
  void awaitQuiet() throws IOException, InterruptedException {
    long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(5);
    while (workersLeft()
        || CpuTime.tree(pid()).stream().anyMatch(p -> p.command().contains(" rehearse "))) {
      require(System.nanoTime() < end, "the farm does not come to rest");
      TimeUnit.MILLISECONDS.sleep(100);
    }
  }

  private boolean workersLeft() throws IOException {
    if (!Files.exists(workers)) {
      return false;
    }
    try (var folders = Files.list(workers)) {
      return folders.findAny().isPresent();
    }
  }

  private long pid() {
    return address.path("pid").asLong();
  }

  /** Seconds of CPU time that the farm has used, by part; no worker may be running. */
  Map<String, Double> cpu() throws IOException {
    Map<String, Double> parts = new LinkedHashMap<>();
    for (String part :
        List.of(
            "workers",
            "scheduler",
            "build-service",
            "supervisor with Kafka",
            "PostgreSQL",
            "registries")) {
      parts.put(part, 0.0);
    }
    for (CpuTime.Process process : CpuTime.tree(pid())) {
      String command = process.command();
      if (process.pid() == pid()) {
        // its children that have ended are no part of the work
        parts.merge("supervisor with Kafka", process.own(), Double::sum);
      } else if (command.contains("/scheduler/target/")) {
        parts.merge("scheduler", process.own(), Double::sum);
        parts.merge("workers", process.ended(), Double::sum);
      } else if (command.contains("/build-service/target/")) {
        parts.merge("build-service", process.all(), Double::sum);
      } else if (command.contains(" serve ")) {
        parts.merge("registries", process.all(), Double::sum);
      } else if (command.contains("postgres")) {
        parts.merge("PostgreSQL", process.all(), Double::sum);
      } else {
        parts.merge("workers", process.all(), Double::sum);
      }
    }
    return parts;
  }

  @Override
  public void close() {
    closed = true;
    consumer.wakeup(); // its thread closes it
  }
}
