package dev.grange.store.api;

import dev.grange.store.Db;
import jakarta.enterprise.context.ApplicationScoped;
import java.sql.SQLException;
import java.util.List;
import java.util.UUID;

/** Reads the logs of attempts: bytes at offsets, never changed once written. */
@ApplicationScoped
public class Logs {

  /** Chunks that one read brings at most; the scheduler cuts them to some 64 KiB. */
  private static final int CHUNKS = 16;

  private static final String ATTEMPTS =
      """
      SELECT a.id, a.kind, a.assigned_at, a.finished_at IS NOT NULL AS ended, a.log_complete, coalesce(l.bytes, 0) AS bytes
      FROM (
        SELECT a.* FROM attempt a
        WHERE a.execution_id IN (SELECT execution_id FROM platform_build WHERE build_id = ?)
        UNION ALL
        SELECT a.* FROM attempt a JOIN test_run t ON t.id = a.test_run_id JOIN release r ON r.id = t.release_id
        WHERE r.build_id = ?
      ) a
      LEFT JOIN LATERAL (
        SELECT start_offset + length(data) AS bytes FROM log_chunk WHERE attempt_id = a.id ORDER BY start_offset DESC LIMIT 1
      ) l ON true
      ORDER BY a.kind = 'TEST', a.assigned_at, a.id
      """;

  private static final String READ =
      """
      SELECT start_offset, data FROM log_chunk
      WHERE attempt_id = ? AND start_offset >= coalesce(
        (SELECT max(start_offset) FROM log_chunk WHERE attempt_id = ? AND start_offset <= ?), 0)
      ORDER BY start_offset LIMIT ?
      """;

  private final Db db;

  public Logs(Db db) {
    this.db = db;
  }

  /**
   * An attempt as far as its log goes.
   *
   * @param ended whether the attempt is over; some of its log may still be on its way
   * @param complete whether nothing more comes
   */
  public record AttemptLog(UUID id, String kind, boolean ended, boolean complete, long bytes) {}

  /** All attempts of a build: builds before tests, each in the order of assignment. */
  public List<AttemptLog> attempts(UUID build) throws SQLException {
    return db.list(
        ATTEMPTS,
        row ->
            new AttemptLog(
                Db.uuid(row, "id"),
                row.getString("kind"),
                row.getBoolean("ended"),
                row.getBoolean("log_complete"),
                row.getLong("bytes")),
        build,
        build);
  }

  /** Some bytes from {@code offset} on; none at the end. */
  public byte[] read(UUID attempt, long offset) throws SQLException {
    List<byte[]> pieces =
        db.list(
            READ,
            row -> {
              byte[] data = row.getBytes("data");
              long skip = Math.max(0, offset - row.getLong("start_offset"));
              return skip >= data.length
                  ? new byte[0]
                  : java.util.Arrays.copyOfRange(data, (int) skip, data.length);
            },
            attempt,
            attempt,
            offset,
            CHUNKS);
    int length = pieces.stream().mapToInt(piece -> piece.length).sum();
    byte[] bytes = new byte[length];
    int at = 0;
    for (byte[] piece : pieces) {
      System.arraycopy(piece, 0, bytes, at, piece.length);
      at += piece.length;
    }
    return bytes;
  }
}
