package dev.grange.scheduler;

import static org.awaitility.Awaitility.await;

import dev.grange.embedded.testing.TestDatabase;
import dev.grange.embedded.testing.TestServices;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

/** What a test does to a farm as build-service would, and what it can see from outside. */
public final class TestFarm {
  private final TestServices services;
  private final TestDatabase database;

  TestFarm(TestServices services, TestDatabase database) {
    this.services = services;
    this.database = database;
  }

  public TestDatabase database() {
    return database;
  }

  public TestServices services() {
    return services;
  }

  /** Writes a submission as build-service does, with its role and so within its rights. */
  public UUID submit(String containerfile, String... platforms) {
    UUID build = UUID.randomUUID();
    List<String> all = platforms.length == 0 ? List.of("linux/amd64") : List.of(platforms);
    inTransaction(
        connection -> {
          update(
              connection,
              """
              INSERT INTO build (id, project, image, tags, containerfile, platforms, timeout_seconds, queue_seconds, principal)
              VALUES (?::uuid, 'default', 'hello', ARRAY['latest'], ?, ?::text[], 600, 3600, 'test')
              """,
              build.toString(),
              containerfile,
              "{" + String.join(",", all) + "}");
          for (String platform : all) {
            String execution = UUID.randomUUID().toString();
            update(
                connection,
                """
                INSERT INTO execution (id, project, platform, input_digest, build_id, queue_deadline)
                VALUES (?::uuid, 'default', ?, 'sha256:' || repeat('0', 64), ?::uuid, now() + interval '1 hour')
                """,
                execution,
                platform,
                build.toString());
            update(
                connection,
                "INSERT INTO platform_build (id, build_id, platform, execution_id) VALUES (?::uuid,"
                    + " ?::uuid, ?, ?::uuid)",
                UUID.randomUUID().toString(),
                build.toString(),
                platform,
                execution);
          }
          update(connection, "SELECT pg_notify('grange', 'queue')");
        });
    return build;
  }

  public UUID cancel(UUID build) {
    UUID request = UUID.randomUUID();
    inTransaction(
        connection -> {
          update(
              connection,
              """
              INSERT INTO request (id, principal, project, command, build_id, target)
              VALUES (?::uuid, 'test', 'default', 'cancel', ?::uuid, ?)
              """,
              request.toString(),
              build.toString(),
              build.toString());
          update(connection, "SELECT pg_notify('grange', 'queue')");
        });
    return request;
  }

  /** Asks for something to be done with a cluster, as build-service does. */
  public UUID ask(String command, String cluster, String arguments) {
    UUID request = UUID.randomUUID();
    inTransaction(
        connection -> {
          update(
              connection,
              """
              INSERT INTO request (id, principal, command, target, arguments)
              VALUES (?::uuid, 'olga', ?, ?, ?::jsonb)
              """,
              request.toString(),
              command,
              cluster,
              arguments);
          update(connection, "SELECT pg_notify('grange', 'queue')");
        });
    return request;
  }

  /** The answer to a request, once there is one: DONE or REFUSED, and the text. */
  public String answer(UUID request) {
    return await()
        .atMost(Duration.ofSeconds(30))
        .until(
            () -> one("SELECT answer || ': ' || answer_text FROM request WHERE id = ?", request),
            java.util.Objects::nonNull);
  }

  /** The first column of the first row; null when there is none. */
  public String one(String sql, Object... arguments) {
    List<String> all = all(sql, arguments);
    return all.isEmpty() ? null : all.getFirst();
  }

  /** The first column of all rows. */
  public List<String> all(String sql, Object... arguments) {
    try (Connection connection = database.connect(database.owner());
        PreparedStatement statement = connection.prepareStatement(sql)) {
      for (int i = 0; i < arguments.length; i++) {
        statement.setObject(i + 1, arguments[i]);
      }
      List<String> values = new ArrayList<>();
      try (ResultSet rows = statement.executeQuery()) {
        while (rows.next()) {
          values.add(rows.getString(1));
        }
      }
      return values;
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  public void execute(String sql, String... arguments) {
    try (Connection connection = database.connect(database.owner())) {
      update(connection, sql, arguments);
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  public String state(UUID build) {
    return one("SELECT state FROM build WHERE id = ?", build);
  }

  public String releaseState(UUID build) {
    return one("SELECT state FROM release WHERE build_id = ?", build);
  }

  public void awaitState(UUID build, String state) {
    await()
        .atMost(Duration.ofSeconds(60))
        .until(() -> state(build), now -> now.equals(state) || fail(build, now, state));
  }

  public void awaitRelease(UUID build, String state) {
    await().atMost(Duration.ofSeconds(60)).until(() -> releaseState(build), state::equals);
  }

  private boolean fail(UUID build, String now, String wanted) {
    if (List.of("SUCCEEDED", "FAILED", "CANCELLED").contains(now)) {
      throw new AssertionError(
          "build is "
              + now
              + " and not "
              + wanted
              + ": "
              + one("SELECT reason || ': ' || message FROM build WHERE id = ?", build));
    }
    return false;
  }

  /** The whole log of a build's attempts. */
  public String log(UUID build) {
    return String.join(
        "",
        all(
            """
            SELECT convert_from(l.data, 'UTF8') FROM log_chunk l JOIN attempt a ON a.id = l.attempt_id
            LEFT JOIN execution e ON e.id = a.execution_id
            LEFT JOIN test_run t ON t.id = a.test_run_id LEFT JOIN release r ON r.id = t.release_id
            WHERE e.build_id = ? OR r.build_id = ? ORDER BY a.assigned_at, l.start_offset
            """,
            build,
            build));
  }

  /**
   * Everything that Kafka has about a build, in the order of each topic, once all of its outbox is
   * sent.
   */
  public List<ConsumerRecord<String, String>> events(UUID build) {
    await()
        .atMost(Duration.ofSeconds(30))
        .until(
            () ->
                one(
                        "SELECT count(*) FROM outbox WHERE key = ? AND sent_at IS NULL",
                        build.toString())
                    .equals("0"));
    Map<String, Object> config = new HashMap<>();
    config.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, services.kafka());
    config.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, StringDeserializer.class);
    config.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, StringDeserializer.class);
    List<ConsumerRecord<String, String>> events = new ArrayList<>();
    try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(config)) {
      List<org.apache.kafka.common.TopicPartition> partitions = new ArrayList<>();
      for (String topic : List.of("grange.builds.v1", "grange.releases.v1")) {
        consumer
            .partitionsFor(topic)
            .forEach(
                p ->
                    partitions.add(
                        new org.apache.kafka.common.TopicPartition(topic, p.partition())));
      }
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<org.apache.kafka.common.TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (partitions.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofSeconds(1))) {
          if (build.toString().equals(record.key())) {
            events.add(record);
          }
        }
      }
    }
    return events;
  }

  @FunctionalInterface
  interface Statements {
    void in(Connection connection) throws SQLException;
  }

  private void inTransaction(Statements statements) {
    try (Connection connection = database.connect(database.buildService())) {
      connection.setAutoCommit(false);
      statements.in(connection);
      connection.commit();
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void update(Connection connection, String sql, String... arguments)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      for (int i = 0; i < arguments.length; i++) {
        statement.setString(i + 1, arguments[i]);
      }
      statement.execute();
    }
  }
}
