package dev.grange.store;

import dev.grange.events.FarmEvent;
import jakarta.enterprise.context.ApplicationScoped;
import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * SQL that is written out, in transactions that are short: whoever passes a {@link Work} makes no
 * remote call in it.
 *
 * <p>READ COMMITTED throughout. Under it a check of another row in a WHERE clause does not hold at
 * commit, so every fence is a condition on the row that is written.
 */
@ApplicationScoped
public class Db {
  private final DataSource source;

  public Db(DataSource source) {
    this.source = source;
  }

  /** What is done in one transaction. */
  @FunctionalInterface
  public interface Work<T> {
    T in(Tx tx) throws SQLException;
  }

  /** What is done in one transaction, with nothing to return. */
  @FunctionalInterface
  public interface Action {
    void in(Tx tx) throws SQLException;
  }

  /**
   * Makes a value of the row that the cursor is on. Asks the database for nothing more: as many as
   * there are connections could each hold one and wait for a second.
   */
  @FunctionalInterface
  public interface Row<T> {
    T of(ResultSet row) throws SQLException;
  }

  /** Runs {@code work} in a transaction of its own: all of it is committed, or none. */
  public <T> T call(Work<T> work) throws SQLException {
    try (Connection connection = source.getConnection()) {
      connection.setAutoCommit(false);
      try {
        Tx tx = new Tx(connection);
        T result = work.in(tx);
        Outbox.insert(tx, tx.events);
        connection.commit();
        return result;
      } catch (Throwable e) {
        rollback(connection, e);
        throw e;
      } finally {
        restore(connection);
      }
    }
  }

  /**
   * Runs one statement that writes, as a transaction of its own: the server commits it with the
   * answer, which saves asking for that.
   *
   * @return the number of rows that were written
   */
  public int update(String sql, @Nullable Object... arguments) throws SQLException {
    try (Connection connection = source.getConnection()) {
      return new Tx(connection).update(sql, arguments);
    }
  }

  /** Runs one query, as a transaction of its own. */
  public <T> List<T> list(String sql, Row<T> row, @Nullable Object... arguments)
      throws SQLException {
    try (Connection connection = source.getConnection()) {
      return new Tx(connection).list(sql, row, arguments);
    }
  }

  /** The first row of one query, if there is one. */
  public <T> Optional<T> first(String sql, Row<T> row, @Nullable Object... arguments)
      throws SQLException {
    try (Connection connection = source.getConnection()) {
      return new Tx(connection).first(sql, row, arguments);
    }
  }

  public void run(Action action) throws SQLException {
    call(
        tx -> {
          action.in(tx);
          return true;
        });
  }

  private static void rollback(Connection connection, Throwable cause) {
    try {
      connection.rollback();
    } catch (SQLException e) {
      cause.addSuppressed(e);
    }
  }

  private static void restore(Connection connection) {
    try {
      connection.setAutoCommit(true);
    } catch (SQLException e) {
      // The connection is broken: the pool finds out when it checks it.
      return;
    }
  }

  /**
   * A transaction that is open. Arguments may be null, text, numbers, UUID, Instant, byte[] or a
   * list of text (a text array).
   */
  public static final class Tx {
    private final Connection connection;

    /** What {@link Outbox} writes before the commit, in one statement. */
    final List<FarmEvent> events = new ArrayList<>();

    Tx(Connection connection) {
      this.connection = connection;
    }

    /**
     * Runs a statement that writes.
     *
     * @return the number of rows that were written
     */
    public int update(String sql, @Nullable Object... arguments) throws SQLException {
      try (PreparedStatement statement = prepare(sql, arguments)) {
        return statement.executeUpdate();
      }
    }

    public <T> List<T> list(String sql, Row<T> row, @Nullable Object... arguments)
        throws SQLException {
      try (PreparedStatement statement = prepare(sql, arguments);
          ResultSet rows = statement.executeQuery()) {
        List<T> all = new ArrayList<>();
        while (rows.next()) {
          all.add(row.of(rows));
        }
        return all;
      }
    }

    /** The first row, if there is one. */
    public <T> Optional<T> first(String sql, Row<T> row, @Nullable Object... arguments)
        throws SQLException {
      List<T> all = list(sql, row, arguments);
      return all.isEmpty() ? Optional.empty() : Optional.of(all.getFirst());
    }

    private PreparedStatement prepare(String sql, @Nullable Object... arguments)
        throws SQLException {
      PreparedStatement statement = connection.prepareStatement(sql);
      try {
        for (int i = 0; i < arguments.length; i++) {
          statement.setObject(i + 1, jdbc(arguments[i]));
        }
        return statement;
      } catch (SQLException e) {
        statement.close();
        throw e;
      }
    }

    private @Nullable Object jdbc(@Nullable Object value) throws SQLException {
      return switch (value) {
        case Instant instant -> OffsetDateTime.ofInstant(instant, ZoneOffset.UTC);
        case Enum<?> constant -> constant.name();
        case Collection<?> texts -> connection.createArrayOf("text", texts.toArray());
        case null, default -> value;
      };
    }
  }

  public static UUID uuid(ResultSet row, String column) throws SQLException {
    return row.getObject(column, UUID.class);
  }

  public static @Nullable Instant instant(ResultSet row, String column) throws SQLException {
    OffsetDateTime time = row.getObject(column, OffsetDateTime.class);
    return time == null ? null : time.toInstant();
  }

  public static List<String> texts(ResultSet row, String column) throws SQLException {
    Array array = row.getArray(column);
    return array == null ? List.of() : List.of((String[]) array.getArray());
  }
}
