package dev.grange.store;

import dev.grange.events.FarmEvent;
import jakarta.enterprise.context.ApplicationScoped;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
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

  /** Appends within a transaction of {@link Db}. */
  public static void append(Db.Tx tx, FarmEvent event) throws SQLException {
    tx.update(INSERT, values(event));
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
