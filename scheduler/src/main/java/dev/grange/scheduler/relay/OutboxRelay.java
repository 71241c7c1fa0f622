package dev.grange.scheduler.relay;

import dev.grange.events.FarmEvent;
import dev.grange.events.Topic;
import dev.grange.scheduler.Loop;
import dev.grange.scheduler.Wakeups;
import dev.grange.scheduler.Wakeups.Chore;
import dev.grange.scheduler.lease.Leases;
import dev.grange.store.Db;
import dev.grange.store.Hints;
import io.smallrye.reactive.messaging.MutinyEmitter;
import io.smallrye.reactive.messaging.kafka.api.OutgoingKafkaRecordMetadata;
import jakarta.enterprise.context.ApplicationScoped;
import java.nio.charset.StandardCharsets;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.eclipse.microprofile.reactive.messaging.Channel;
import org.eclipse.microprofile.reactive.messaging.Message;
import org.jspecify.annotations.Nullable;

/**
 * Sends the outbox to Kafka, at least once, in the order of the rows for each key.
 *
 * <p>Rows are taken by "not yet sent", never by "id greater than the last": ids commit out of
 * order. One scheduler at a time relays, by lease; two that believe they do send an event twice,
 * with the same id. The producer is idempotent, so that within a batch a record never overtakes an
 * earlier one of its partition, and after a failure the batch is sent again from its first unsent
 * row.
 */
@ApplicationScoped
public class OutboxRelay {
  private static final int BATCH = 500;
  private static final Duration LOOK = Duration.ofSeconds(30);

  /**
   * Builds that run at the same time share a round: each costs Kafka and the database a request.
   */
  private static final Duration GATHER = Duration.ofMillis(50);

  private final Db db;
  private final Leases leases;
  private final Wakeups wakeups;
  private final Hints hints;
  private final MutinyEmitter<String> emitter;
  private @Nullable Loop loop;

  OutboxRelay(
      Db db,
      Leases leases,
      Wakeups wakeups,
      Hints hints,
      @Channel("events") MutinyEmitter<String> emitter) {
    this.db = db;
    this.leases = leases;
    this.wakeups = wakeups;
    this.hints = hints;
    this.emitter = emitter;
  }

  private record Row(long id, FarmEvent event) {}

  public void start() {
    Loop relaying = Loop.start("relay", () -> LOOK, GATHER, this::round);
    loop = relaying;
    wakeups.register(Chore.RELAY, relaying::wake);
    leases.onTaken(relaying::wake);
  }

  public void stop() {
    Loop relaying = loop;
    if (relaying != null) {
      relaying.stop();
    }
  }

  boolean round() throws SQLException, RelayFailed {
    if (!leases.holds(Leases.RELAY)) {
      return false;
    }
    List<Row> rows = unsent();
    if (rows.isEmpty()) {
      return false;
    }
    ConcurrentLinkedQueue<Row> sent = new ConcurrentLinkedQueue<>();
    Map<String, CompletableFuture<Void>> chains = new HashMap<>();
    for (Row row : rows) {
      // One after the other for a key: what failed is not overtaken by what comes after it.
      chains.compute(
          row.event().key(),
          (_, chain) ->
              (chain == null ? CompletableFuture.<Void>completedFuture(null) : chain)
                  .thenCompose(_ -> send(row, sent)));
    }
    Throwable failure =
        CompletableFuture.allOf(chains.values().toArray(CompletableFuture[]::new))
            .handle((_, error) -> error)
            .join();
    mark(sent);
    if (failure != null) {
      throw new RelayFailed(rows.size() - sent.size(), failure);
    }
    return rows.size() == BATCH;
  }

  private CompletionStage<Void> send(Row row, Queue<Row> sent) {
    return emitter
        .sendMessage(message(row.event()))
        .subscribeAsCompletionStage()
        .thenRun(() -> sent.add(row));
  }

  /** Kafka is away or refuses: the rows stay and are sent later. */
  static final class RelayFailed extends Exception {
    private static final long serialVersionUID = 1L;

    RelayFailed(int left, Throwable cause) {
      super(left + " events wait for Kafka: " + cause.getMessage(), cause);
    }
  }

  private List<Row> unsent() throws SQLException {
    return db.list(
        """
        SELECT id, event_id, topic, key, type, source, subject, payload FROM outbox WHERE sent_at IS NULL ORDER BY id LIMIT ?
        """,
        OutboxRelay::row,
        BATCH);
  }

  private static Row row(ResultSet row) throws SQLException {
    String topic = row.getString("topic");
    for (Topic known : Topic.values()) {
      if (known.topicName().equals(topic)) {
        return new Row(
            row.getLong("id"),
            new FarmEvent(
                row.getString("event_id"),
                known,
                row.getString("key"),
                row.getString("type"),
                row.getString("source"),
                row.getString("subject"),
                row.getString("payload")));
      }
    }
    throw new SQLException(
        "an event for "
            + topic
            + ", a topic that this scheduler does not know: is it older than the database?");
  }

  private static Message<String> message(FarmEvent event) {
    RecordHeaders headers = new RecordHeaders();
    event
        .cloudEventHeaders()
        .forEach((name, value) -> headers.add(name, value.getBytes(StandardCharsets.UTF_8)));
    return Message.of(event.payload())
        .addMetadata(
            OutgoingKafkaRecordMetadata.<String>builder()
                .withTopic(event.topic().topicName())
                .withKey(event.key())
                .withHeaders(headers)
                .build());
  }

  private void mark(Iterable<Row> sent) throws SQLException {
    List<String> ids = new ArrayList<>();
    Set<String> words = new LinkedHashSet<>();
    for (Row row : sent) {
      ids.add(Long.toString(row.id()));
      words.add("build:" + row.event().key());
    }
    if (!ids.isEmpty()) {
      int _ =
          db.update(
              "UPDATE outbox SET sent_at = clock_timestamp() WHERE id = ANY(?::bigint[])", ids);
      hints.send(words.toArray(String[]::new));
    }
  }
}
