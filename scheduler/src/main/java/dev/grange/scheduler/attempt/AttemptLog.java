package dev.grange.scheduler.attempt;

import dev.grange.scheduler.cluster.ClusterException;
import dev.grange.scheduler.cluster.ClusterGateway;
import dev.grange.scheduler.cluster.LogChunk;
import dev.grange.store.Db;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/**
 * Copies a worker's log into the database while it is written, from the first byte on and without a
 * repeat.
 *
 * <p>Each chunk starts where the database says that the last one ended, and is written together
 * with the cluster's word for where the next one begins. Two schedulers that copy the same log at
 * once meet at the primary key: one of them writes nothing and looks again.
 */
final class AttemptLog {
  private static final int CHUNK = 256 * 1024;
  private static final String PUSH_BEGINS = "::grange::section::push::start::";
  private static final String GAP =
      "::grange::log::gap the rest of the log could not be read from the cluster\n";

  /** Where a position is the number of the next byte, the chunks themselves say where to go on. */
  private static final String APPEND =
      "INSERT INTO log_chunk (attempt_id, start_offset, data) VALUES (?, ?, ?) ON CONFLICT DO"
          + " NOTHING";

  private static final String APPEND_AND_PUSH =
      """
      WITH pushes AS (
        UPDATE attempt SET state = 'PUSHING', pushing_at = now() WHERE id = ? AND epoch = ? AND state = 'BUILDING')
      """
          + APPEND;

  /**
   * Elsewhere the position is kept with the chunk before it. It is changed by the attempt's owner
   * only, and only from what the owner takes it for: so it always belongs to the last chunk.
   */
  private static final String APPEND_AND_MOVE =
      """
      WITH owner AS (
        UPDATE attempt SET log_position = ?,
          state = CASE WHEN ? AND state = 'BUILDING' THEN 'PUSHING' ELSE state END,
          pushing_at = CASE WHEN ? AND state = 'BUILDING' THEN now() ELSE pushing_at END
        WHERE id = ? AND epoch = ? AND coalesce(log_position, '') = ? RETURNING id)
      INSERT INTO log_chunk (attempt_id, start_offset, data) SELECT id, ?, ? FROM owner
      """;

  private final Db db;
  private final Attempt attempt;
  private final long maxBytes;
  private long next;
  private String position = "";
  private boolean pushes;

  /**
   * The log of an attempt.
   *
   * @param fresh whether nothing of it can have been copied yet; otherwise the database is asked
   */
  AttemptLog(Db db, Attempt attempt, boolean fresh, long maxBytes) {
    this.db = db;
    this.attempt = attempt;
    this.maxBytes = maxBytes;
    this.next = fresh ? 0 : -1;
  }

  /**
   * Copies what there is.
   *
   * @return whether that is all that was written so far
   */
  boolean copy(ClusterGateway gateway) throws ClusterException, SQLException, Fenced {
    if (next < 0) {
      look();
    }
    while (next < maxBytes) {
      LogChunk chunk =
          gateway.log(attempt.podName(), position, (int) Math.min(CHUNK, maxBytes - next));
      if (chunk.bytes().length == 0) {
        return chunk.isEnd();
      }
      append(chunk.bytes(), chunk.position());
      if (next == maxBytes) {
        append(
            ("\n::grange::log::cut after " + maxBytes + " bytes\n")
                .getBytes(StandardCharsets.UTF_8),
            chunk.position());
      }
      if (chunk.isEnd()) {
        return true;
      }
    }
    return true;
  }

  /** Says in the log that the rest of it is missing. */
  void gap() throws SQLException, Fenced {
    if (next < 0) {
      look();
    }
    append(GAP.getBytes(StandardCharsets.UTF_8), position);
  }

  private void append(byte[] bytes, String after) throws SQLException, Fenced {
    // For people only: a RUN line can print this as well, and then the build looks as if it pushed.
    boolean push = !pushes && new String(bytes, StandardCharsets.ISO_8859_1).contains(PUSH_BEGINS);
    int written;
    if (!after.equals(Long.toString(next + bytes.length))) {
      written =
          db.update(
              APPEND_AND_MOVE,
              after,
              push,
              push,
              attempt.id(),
              attempt.epoch(),
              position,
              next,
              bytes);
    } else if (push) {
      written =
          db.update(APPEND_AND_PUSH, attempt.id(), attempt.epoch(), attempt.id(), next, bytes);
    } else {
      written = db.update(APPEND, attempt.id(), next, bytes);
    }
    pushes |= push;
    if (written == 1) {
      next += bytes.length;
      position = after;
    } else {
      look();
    }
  }

  private void look() throws SQLException, Fenced {
    record Known(long end, @Nullable String position) {}
    Known known =
        db.first(
                """
                SELECT a.log_position,
                  coalesce((SELECT start_offset + length(data) FROM log_chunk WHERE attempt_id = a.id ORDER BY start_offset DESC LIMIT 1), 0)
                    AS ended
                FROM attempt a WHERE a.id = ? AND a.epoch = ?
                """,
                row -> new Known(row.getLong("ended"), row.getString("log_position")),
                attempt.id(),
                attempt.epoch())
            .orElseThrow(() -> new Fenced(attempt.id()));
    next = known.end();
    String stored = known.position();
    position = stored != null ? stored : next == 0 ? "" : Long.toString(next);
  }
}
