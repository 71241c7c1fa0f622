package dev.grange.store;

import dev.grange.events.FarmEvent;
import jakarta.enterprise.context.ApplicationScoped;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.List;
import javax.sql.DataSource;

/**
 * The only way out for facts: a row that is committed with the state it tells of. The relay sends
 * it later, at least once.
 *
 * <p>An event's id is derived from what happened; a second row with the same id is refused
 * silently, because it is the same fact.
 */
@ApplicationScoped
public class Outbox {
  private static final String INSERT =
      """
      INSERT INTO outbox (event_id, topic, key, type, source, subject, payload) VALUES (?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (event_id) DO NOTHING
      """;

  private final DataSource source;

  public Outbox(DataSource source) {
    this.source = source;
  }

  /** Appends within the JTA transaction that is open on this thread. */
  public void append(FarmEvent event) throws SQLException {
    try (Connection connection = source.getConnection();
        PreparedStatement insert = connection.prepareStatement(INSERT)) {
      Object[] values = values(event);
      for (int i = 0; i < values.length; i++) {
        insert.setObject(i + 1, values[i]);
      }
      insert.executeUpdate();
    }
  }

  /** Appends within a transaction of {@link Db}: with all others of it, before its commit. */
  public static void append(Db.Tx tx, FarmEvent event) {
    tx.events.add(event);
  }

  /** Writes many in one statement, in their order. */
  static void insert(Db.Tx tx, List<FarmEvent> events) throws SQLException {
    if (events.isEmpty()) {
      return;
    }
    tx.update(
        """
        INSERT INTO outbox (event_id, topic, key, type, source, subject, payload)
        SELECT event_id, topic, key, type, source, subject, payload
        FROM unnest(?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[]) WITH ORDINALITY
          AS w(event_id, topic, key, type, source, subject, payload, n) ORDER BY n
        ON CONFLICT (event_id) DO NOTHING
        """,
        events.stream().map(FarmEvent::id).toList(),
        events.stream().map(event -> event.topic().topicName()).toList(),
        events.stream().map(FarmEvent::key).toList(),
        events.stream().map(FarmEvent::type).toList(),
        events.stream().map(FarmEvent::source).toList(),
        events.stream().map(FarmEvent::subject).toList(),
        events.stream().map(FarmEvent::payload).toList());
  }

  private static Object[] values(FarmEvent event) {
    return new Object[] {
      event.id(),
      event.topic().topicName(),
      event.key(),
      event.type(),
      event.source(),
      event.subject(),
      event.payload()
    };
  }
}
