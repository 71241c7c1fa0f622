package dev.grange.embedded.testing;

import dev.grange.embedded.FreePorts;
import dev.grange.embedded.Secrets;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.testcontainers.containers.ContainerLaunchException;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.wait.strategy.AbstractWaitStrategy;

/**
 * The same services as containers (Testcontainers), on the network of this machine and on loopback
 * only. Each listens on a port chosen here: Kafka must know its own address before it starts, and
 * where containers cannot have networks of their own this works as well.
 *
 * <p>So the engine must run on this machine.
 */
final class ContainerBackend implements Backend {
  private static final String LOOPBACK = "127.0.0.1";

  private final Deque<GenericContainer<?>> containers = new ArrayDeque<>();

  @Override
  public PostgresServer startPostgres() {
    PostgresServer server =
        new PostgresServer(LOOPBACK, FreePorts.any(), "grange_owner", Secrets.random());
    start(
        image("GRANGE_TEST_POSTGRES_IMAGE", "docker.io/library/postgres:18"),
        Map.of("POSTGRES_USER", server.user(), "POSTGRES_PASSWORD", server.password()),
        () -> logIn(server),
        "postgres",
        "-p",
        Integer.toString(server.port()),
        "-c",
        "listen_addresses=" + LOOPBACK,
        "-c",
        "fsync=off");
    return server;
  }

  @Override
  public String startKafka() {
    int port = FreePorts.any();
    String controller = LOOPBACK + ":" + FreePorts.any();
    String broker = LOOPBACK + ":" + port;
    start(
        image("GRANGE_TEST_KAFKA_IMAGE", "docker.io/apache/kafka:4.1.1"),
        Map.of(
            "KAFKA_NODE_ID",
            "1",
            "KAFKA_PROCESS_ROLES",
            "broker,controller",
            "KAFKA_LISTENERS",
            "PLAINTEXT://" + broker + ",CONTROLLER://" + controller,
            "KAFKA_ADVERTISED_LISTENERS",
            "PLAINTEXT://" + broker,
            "KAFKA_CONTROLLER_LISTENER_NAMES",
            "CONTROLLER",
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP",
            "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "KAFKA_CONTROLLER_QUORUM_VOTERS",
            "1@" + controller,
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR",
            "1",
            "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR",
            "1",
            "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR",
            "1"),
        () -> connect(port));
    return broker;
  }

  @Override
  public String startRegistry(String name) {
    int port = FreePorts.any();
    String address = LOOPBACK + ":" + port;
    start(
        image("GRANGE_TEST_REGISTRY_IMAGE", "docker.io/library/registry:2"),
        Map.of("REGISTRY_HTTP_ADDR", address, "REGISTRY_STORAGE_DELETE_ENABLED", "true"),
        () -> connect(port));
    return address;
  }

  private void start(
      String image, Map<String, String> environment, Probe probe, String... command) {
    GenericContainer<?> container =
        new GenericContainer<>(image)
            .withNetworkMode("host")
            .withEnv(environment)
            .waitingFor(new Answering(probe).withStartupTimeout(Duration.ofMinutes(2)));
    if (command.length > 0) {
      container.withCommand(command);
    }
    containers.push(container);
    container.start();
  }

  /** Returns when the service answers. */
  @FunctionalInterface
  private interface Probe {
    void ask() throws IOException;
  }

  /** A port that accepts is not enough: PostgreSQL refuses logins for a moment. */
  private static void logIn(PostgresServer server) throws IOException {
    try (Connection connection =
        DriverManager.getConnection(server.jdbcUrl("postgres"), server.user(), server.password())) {
      if (!connection.isValid(5)) {
        throw new IOException("the connection broke");
      }
    } catch (SQLException e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  private static void connect(int port) throws IOException {
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 1000);
    }
  }

  /**
   * Asks until there is an answer. Testcontainers' own strategies ask for mapped ports, and on the
   * machine's network there are none.
   */
  private static final class Answering extends AbstractWaitStrategy {
    private final Probe probe;

    Answering(Probe probe) {
      this.probe = probe;
    }

    @Override
    protected void waitUntilReady() {
      long deadline = System.nanoTime() + startupTimeout.toNanos();
      while (true) {
        try {
          probe.ask();
          return;
        } catch (IOException e) {
          if (System.nanoTime() > deadline || !waitStrategyTarget.isRunning()) {
            throw new ContainerLaunchException("the service does not answer", e);
          }
        }
        try {
          TimeUnit.MILLISECONDS.sleep(100);
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          throw new ContainerLaunchException("interrupted while waiting for the service", e);
        }
      }
    }
  }

  private static String image(String setting, String otherwise) {
    return System.getenv().getOrDefault(setting, otherwise);
  }

  @Override
  public void close() {
    containers.forEach(GenericContainer::stop);
    containers.clear();
  }
}
