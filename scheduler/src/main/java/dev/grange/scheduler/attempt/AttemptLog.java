package dev.grange.scheduler.attempt;

import dev.grange.scheduler.cluster.ClusterException;
import dev.grange.scheduler.cluster.ClusterGateway;
import dev.grange.store.Db;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;

/**
 * Copies a worker's log into the database while it is written, from the first byte on and without a
 * repeat.
 *
 * <p>Each chunk starts where the database says that the last one ended. Two schedulers that copy
 * the same log at once meet at the primary key: one of them writes nothing and looks again.
 */
final class AttemptLog {
  private static final int CHUNK = 256 * 1024;
  private static final String PUSH_BEGINS = "::grange::section::push::start::";

  private static final String APPEND =
      "INSERT INTO log_chunk (attempt_id, start_offset, data) VALUES (?, ?, ?) ON CONFLICT DO"
          + " NOTHING";

  private final Db db;
  private final Attempt attempt;
  private final long maxBytes;
  private long next = -1;
  private boolean pushes;

  AttemptLog(Db db, Attempt attempt, long maxBytes) {
    this.db = db;
    this.attempt = attempt;
    this.maxBytes = maxBytes;
  }

  /**
   * Copies what there is.
   *
   * @return whether there was something
   */
  boolean copy(ClusterGateway gateway) throws ClusterException, SQLException {
    if (next < 0) {
      next = end();
    }
    boolean some = false;
    while (next < maxBytes) {
      byte[] bytes = gateway.log(attempt.podName(), next, (int) Math.min(CHUNK, maxBytes - next));
      if (bytes.length == 0) {
        return some;
      }
      append(bytes);
      some = true;
      if (next == maxBytes) {
        append(
            ("\n::grange::log::cut after " + maxBytes + " bytes\n")
                .getBytes(StandardCharsets.UTF_8));
      }
    }
    return some;
  }

  private void append(byte[] bytes) throws SQLException {
    // For people only: a RUN line can print this as well, and then the build looks as if it pushed.
    boolean push = !pushes && new String(bytes, StandardCharsets.ISO_8859_1).contains(PUSH_BEGINS);
    int written =
        push
            ? db.update(
                """
                WITH pushes AS (
                  UPDATE attempt SET state = 'PUSHING', pushing_at = now() WHERE id = ? AND epoch = ? AND state = 'BUILDING')
                """
                    + APPEND,
                attempt.id(),
                attempt.epoch(),
                attempt.id(),
                next,
                bytes)
            : db.update(APPEND, attempt.id(), next, bytes);
    pushes |= push;
    next = written == 1 ? next + bytes.length : end();
  }

  private long end() throws SQLException {
    return db.first(
            "SELECT start_offset + length(data) AS ended FROM log_chunk WHERE attempt_id = ? ORDER"
                + " BY start_offset DESC LIMIT 1",
            row -> row.getLong("ended"),
            attempt.id())
        .orElse(0L);
  }
}
