package dev.grange.embedded;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import kafka.server.KafkaConfig;
import kafka.server.KafkaRaftServer;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.utils.Exit;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.metadata.storage.Formatter;

/**
 * A real Kafka in this JVM: one node that is its own controller (KRaft), loopback only, with
 * settings for little memory.
 *
 * <p>One at a time in a JVM: Kafka's way of ending the process is replaced by one that ends only
 * Kafka, and that switch is global.
 */
public final class EmbeddedKafka implements AutoCloseable {
  private final KafkaRaftServer server;
  private final Options options;
  private final DirectoryLock lock;
  private final CompletableFuture<String> failed;

  private EmbeddedKafka(
      KafkaRaftServer server,
      Options options,
      DirectoryLock lock,
      CompletableFuture<String> failed) {
    this.server = server;
    this.options = options;
    this.lock = lock;
    this.failed = failed;
  }

  /**
   * Where it keeps its data and where it listens.
   *
   * @param directory everything of this Kafka; made if missing
   * @param port where clients connect, on 127.0.0.1
   * @param controllerPort where the controller listens, on 127.0.0.1
   * @param durable whether an acknowledged event survives a power cut (with one replica, that takes
   *     an fsync); false is for tests only
   */
  public record Options(Path directory, int port, int controllerPort, boolean durable) {
    public Options {
      directory = directory.toAbsolutePath();
    }

    Path data() {
      return directory.resolve("data");
    }
  }

  /**
   * Starts it and waits until it takes clients.
   *
   * @throws DirectoryLock.InUseException if another instance works on the directory
   * @throws IOException if it does not start
   */
  public static EmbeddedKafka start(Options options) throws IOException {
    DirectoryLock lock = DirectoryLock.acquire(options.directory());
    CompletableFuture<String> failed = new CompletableFuture<>();
    KafkaRaftServer server = null;
    try {
      if (!Files.exists(options.data())) {
        format(options);
      }
      Exit.Procedure endKafkaOnly =
          (status, message) -> {
            String why = message == null ? "status " + status : message;
            failed.complete(why);
            // The callers rely on not coming back from here.
            throw new IllegalStateException("Kafka stops: " + why);
          };
      Exit.setExitProcedure(endKafkaOnly);
      Exit.setHaltProcedure(endKafkaOnly);
      server = new KafkaRaftServer(new KafkaConfig(properties(options)), Time.SYSTEM);
      server.startup();
      return new EmbeddedKafka(server, options, lock, failed);
    } catch (Exception e) {
      if (server != null) {
        server.shutdown();
      }
      lock.close();
      throw new IOException("Kafka did not start on port " + options.port() + ": " + e, e);
    }
  }

  private static void format(Options options) throws Exception {
    // Under another name until it is complete, as with PostgreSQL.
    Path unfinished = options.directory().resolve("data.new");
    PostgresBinaries.deleteTree(unfinished);
    Files.createDirectories(unfinished);
    try (PrintStream nowhere =
        new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8)) {
      new Formatter()
          .setClusterId(Uuid.randomUuid().toString())
          .setNodeId(1)
          .setControllerListenerName("CONTROLLER")
          .setMetadataLogDirectory(unfinished.toString())
          .addDirectory(unfinished.toString())
          .setPrintStream(nowhere)
          .run();
    }
    Files.move(unfinished, options.data());
  }

  private static Properties properties(Options options) {
    Properties properties = new Properties();
    properties.setProperty("process.roles", "broker,controller");
    properties.setProperty("node.id", "1");
    properties.setProperty("controller.quorum.voters", "1@127.0.0.1:" + options.controllerPort());
    properties.setProperty(
        "listeners",
        "PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d"
            .formatted(options.port(), options.controllerPort()));
    properties.setProperty("advertised.listeners", "PLAINTEXT://127.0.0.1:" + options.port());
    properties.setProperty(
        "listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT");
    properties.setProperty("controller.listener.names", "CONTROLLER");
    properties.setProperty("inter.broker.listener.name", "PLAINTEXT");
    properties.setProperty("log.dirs", options.data().toString());
    properties.setProperty("num.partitions", "3");
    for (String one :
        List.of(
            "offsets.topic.replication.factor",
            "offsets.topic.num.partitions",
            "transaction.state.log.replication.factor",
            "transaction.state.log.min.isr",
            "transaction.state.log.num.partitions",
            "share.coordinator.state.topic.replication.factor",
            "share.coordinator.state.topic.min.isr",
            "share.coordinator.state.topic.num.partitions")) {
      properties.setProperty(one, "1");
    }
    properties.setProperty("group.initial.rebalance.delay.ms", "0");
    // After a kill the controller waits until the broker that it remembers has timed out: 2 s
    // instead of 9.
    properties.setProperty("broker.session.timeout.ms", "2000");
    properties.setProperty("broker.heartbeat.interval.ms", "500");
    // Without this, an idle controller writes and syncs a record twice a second.
    properties.setProperty("metadata.max.idle.interval.ms", "0");
    if (options.durable()) {
      properties.setProperty("log.flush.interval.messages", "1");
    }
    // One farm's events are few: little memory and few threads.
    properties.setProperty("num.network.threads", "1");
    properties.setProperty("num.io.threads", "2");
    properties.setProperty("background.threads", "2");
    properties.setProperty("num.recovery.threads.per.data.dir", "1");
    properties.setProperty("log.cleaner.dedupe.buffer.size", "2097152");
    properties.setProperty("log.index.size.max.bytes", "1048576");
    properties.setProperty("log.segment.bytes", "67108864");
    return properties;
  }

  /** For {@code bootstrap.servers}. */
  public String bootstrap() {
    return "127.0.0.1:" + options.port();
  }

  /**
   * Completes with a reason when Kafka has given up by itself, for example because its disk is
   * full.
   */
  public CompletableFuture<String> onFailure() {
    return failed;
  }

  @Override
  public void close() throws IOException {
    try {
      server.shutdown();
      server.awaitShutdown();
    } finally {
      lock.close();
    }
  }
}
