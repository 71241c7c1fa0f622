package dev.grange.scheduler.cluster;

import dev.grange.events.ClusterFacts;
import dev.grange.store.Db;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A registered cluster, its row locked until the transaction's end.
 *
 * @param desiredBy null when nobody has said anything yet: a new cluster is cordoned until its
 *     first check passes
 * @param unreleased attempts that hold a slot
 * @param now the transaction's time, by the database's clock
 */
record ClusterRow(
    String name,
    String kind,
    int slots,
    List<String> platforms,
    String desired,
    @Nullable String note,
    @Nullable String desiredBy,
    boolean drainNow,
    @Nullable Instant drainDeadline,
    @Nullable Instant drainedAt,
    @Nullable Instant resumeAt,
    @Nullable Boolean reachable,
    int unreleased,
    long version,
    Instant now) {

  /** Empty when there is none of that name, or it has been removed. */
  static Optional<ClusterRow> lock(Db.Tx tx, String name) throws SQLException {
    return tx.first(
        """
        SELECT c.*, now() AS now,
          (SELECT count(*) FROM attempt a WHERE a.cluster = c.name AND a.released_at IS NULL) AS unreleased
        FROM cluster c WHERE c.name = ? AND c.removed_at IS NULL FOR UPDATE OF c
        """,
        ClusterRow::of,
        name);
  }

  private static ClusterRow of(ResultSet row) throws SQLException {
    return new ClusterRow(
        row.getString("name"),
        row.getString("kind"),
        row.getInt("slots"),
        Db.texts(row, "platforms"),
        row.getString("desired"),
        row.getString("note"),
        row.getString("desired_by"),
        row.getBoolean("drain_now"),
        Db.instant(row, "drain_deadline"),
        Db.instant(row, "drained_at"),
        Db.instant(row, "resume_at"),
        row.getObject("reachable", Boolean.class),
        row.getInt("unreleased"),
        row.getLong("version"),
        Objects.requireNonNull(Db.instant(row, "now")));
  }

  /** For an event that tells that it is desired so now. */
  ClusterFacts facts(String nowDesired) {
    return new ClusterFacts(name, kind, slots, platforms, nowDesired);
  }

  ClusterFacts facts() {
    return facts(desired);
  }
}
