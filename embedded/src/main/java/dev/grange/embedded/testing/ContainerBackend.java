package dev.grange.embedded.testing;

import dev.grange.embedded.FreePorts;
import dev.grange.embedded.Secrets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.wait.strategy.Wait;

/**
 * The same services as containers (Testcontainers). Each listens on a port chosen here, the same
 * inside and outside: Kafka must know its own address before it starts, and it works with a bridge
 * and with the host's network alike.
 */
final class ContainerBackend implements Backend {
  private final Deque<GenericContainer<?>> containers = new ArrayDeque<>();

  @Override
  public PostgresServer startPostgres() {
    int port = FreePorts.any();
    String password = Secrets.random();
    GenericContainer<?> container =
        start(
            image("GRANGE_TEST_POSTGRES_IMAGE", "docker.io/library/postgres:18"),
            port,
            Map.of("POSTGRES_USER", "grange_owner", "POSTGRES_PASSWORD", password),
            "postgres",
            "-p",
            Integer.toString(port),
            "-c",
            "fsync=off");
    return new PostgresServer(container.getHost(), port, "grange_owner", password);
  }

  @Override
  public String startKafka() {
    int port = FreePorts.any();
    int controller = FreePorts.any();
    GenericContainer<?> container =
        start(
            image("GRANGE_TEST_KAFKA_IMAGE", "docker.io/apache/kafka:4.1.1"),
            port,
            Map.of(
                "KAFKA_NODE_ID",
                "1",
                "KAFKA_PROCESS_ROLES",
                "broker,controller",
                "KAFKA_LISTENERS",
                "PLAINTEXT://:" + port + ",CONTROLLER://:" + controller,
                "KAFKA_ADVERTISED_LISTENERS",
                "PLAINTEXT://127.0.0.1:" + port,
                "KAFKA_CONTROLLER_LISTENER_NAMES",
                "CONTROLLER",
                "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP",
                "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
                "KAFKA_CONTROLLER_QUORUM_VOTERS",
                "1@127.0.0.1:" + controller,
                "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR",
                "1",
                "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR",
                "1",
                "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR",
                "1"));
    return container.getHost() + ":" + port;
  }

  @Override
  public String startRegistry(String name) {
    int port = FreePorts.any();
    GenericContainer<?> container =
        start(
            image("GRANGE_TEST_REGISTRY_IMAGE", "docker.io/library/registry:2"),
            port,
            Map.of(
                "REGISTRY_HTTP_ADDR",
                "0.0.0.0:" + port,
                "REGISTRY_STORAGE_DELETE_ENABLED",
                "true"));
    return container.getHost() + ":" + port;
  }

  private GenericContainer<?> start(
      String image, int port, Map<String, String> environment, String... command) {
    GenericContainer<?> container =
        new GenericContainer<>(image)
            .withEnv(environment)
            .withExposedPorts(port)
            .waitingFor(Wait.forListeningPort().withStartupTimeout(Duration.ofMinutes(2)));
    container.setPortBindings(List.of(port + ":" + port));
    if (command.length > 0) {
      container.withCommand(command);
    }
    containers.push(container);
    container.start();
    return container;
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
