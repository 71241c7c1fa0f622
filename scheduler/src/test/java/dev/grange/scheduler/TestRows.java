package dev.grange.scheduler;

import dev.grange.embedded.testing.TestDatabase;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.UUID;

/** Rows that a test needs and does not want to come by in the long way. */
public final class TestRows {
  private final TestDatabase database;

  public TestRows(TestDatabase database) {
    this.database = database;
  }

  /**
   * A cluster that is there for the database only: no gateway, so no scheduler asks for its lease.
   *
   * @param platform one that no other test builds for
   */
  public void cluster(String name, int slots, String platform) {
    execute(
        """
        INSERT INTO cluster (name, kind, slots, platforms, reachable) VALUES (?, 'fake', ?::integer, ARRAY[?], true)
        ON CONFLICT (name) DO NOTHING
        """,
        name,
        String.valueOf(slots),
        platform);
  }

  /**
   * Holds the cluster's lease for nobody, so that no scheduler takes its attempts for abandoned.
   */
  public void lease(String cluster, long epoch) {
    execute(
        """
        INSERT INTO lease (name, holder, epoch, expires_at) VALUES ('cluster:' || ?, 'nobody', ?::bigint, now() + interval '1 hour')
        ON CONFLICT DO NOTHING
        """,
        cluster,
        String.valueOf(epoch));
  }

  /** A build that runs, with one attempt in state ASSIGNED on the cluster; gives the attempt. */
  public UUID attempt(String cluster, long epoch) {
    String build = UUID.randomUUID().toString();
    String execution = UUID.randomUUID().toString();
    UUID attempt = UUID.randomUUID();
    execute(
        """
        INSERT INTO build (id, project, image, containerfile, platforms, timeout_seconds, queue_seconds, principal, state, started_at)
        VALUES (?::uuid, 'default', 'hello', 'FROM scratch', ARRAY['linux/mips64le'], 60, 60, 'p', 'RUNNING', now())
        """,
        build);
    execute(
        """
        INSERT INTO execution (id, project, platform, input_digest, build_id, queue_deadline, state)
        VALUES (?::uuid, 'default', 'linux/mips64le', 'sha256:' || repeat('0', 64), ?::uuid, now() + interval '1 hour', 'RUNNING')
        """,
        execution,
        build);
    execute(
        """
        INSERT INTO platform_build (id, build_id, platform, execution_id, state, started_at)
        VALUES (?::uuid, ?::uuid, 'linux/mips64le', ?::uuid, 'RUNNING', now())
        """,
        UUID.randomUUID().toString(),
        build,
        execution);
    execute(
        """
        INSERT INTO attempt (id, kind, execution_id, number, cluster, epoch, pod_name, deadline, repository)
        VALUES (?::uuid, 'BUILD', ?::uuid, 1, ?, ?::bigint, 'grange-' || ?, now() + interval '1 hour', 'attempts/' || ?)
        """,
        attempt.toString(),
        execution,
        cluster,
        String.valueOf(epoch),
        attempt.toString(),
        attempt.toString());
    return attempt;
  }

  public void release(UUID attempt) {
    execute(
        "UPDATE attempt SET state = 'CANCELLED', finished_at = now(), released_at = now() WHERE id"
            + " = ?::uuid",
        attempt.toString());
  }

  public long epochOf(UUID attempt) {
    return Long.parseLong(one("SELECT epoch FROM attempt WHERE id = ?::uuid", attempt.toString()));
  }

  /** The first column of the first row. */
  public String one(String sql, String... arguments) {
    try (Connection connection = database.connect(database.owner());
        PreparedStatement statement = prepare(connection, sql, arguments);
        ResultSet rows = statement.executeQuery()) {
      return rows.next() ? rows.getString(1) : null;
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  public int execute(String sql, String... arguments) {
    try (Connection connection = database.connect(database.owner());
        PreparedStatement statement = prepare(connection, sql, arguments)) {
      return statement.executeUpdate();
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  private static PreparedStatement prepare(Connection connection, String sql, String... arguments)
      throws SQLException {
    PreparedStatement statement = connection.prepareStatement(sql);
    for (int i = 0; i < arguments.length; i++) {
      statement.setString(i + 1, arguments[i]);
    }
    return statement;
  }
}
