package dev.grange.scheduler.build;

import dev.grange.domain.build.BuildState;
import dev.grange.events.BuildFacts;
import dev.grange.store.Db;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.UUID;

/**
 * What every transition needs to know of a build.
 *
 * @param now the database's time in the transaction that read the row: when what it tells of
 *     happened
 */
public record BuildRow(BuildFacts facts, BuildState state, Instant now) {
  static final String COLUMNS =
      "b.id, b.project, b.image, b.tags, b.platforms, b.principal, b.scratch, b.retry_of, b.state,"
          + " now() AS at";

  public UUID id() {
    return facts.id();
  }

  static BuildRow of(ResultSet row) throws SQLException {
    Instant at = Db.instant(row, "at");
    return new BuildRow(
        new BuildFacts(
            Db.uuid(row, "id"),
            row.getString("project"),
            row.getString("image"),
            Db.texts(row, "tags"),
            Db.texts(row, "platforms"),
            row.getString("principal"),
            row.getBoolean("scratch"),
            row.getObject("retry_of", UUID.class)),
        BuildState.valueOf(row.getString("state")),
        at == null ? Instant.EPOCH : at);
  }

  /**
   * Locks builds, always in the same order. Whoever writes anything of a build holds its lock: so
   * two platforms that end at once see each other, and a build's events are numbered in the order
   * in which they are committed.
   */
  public static List<BuildRow> lock(Db.Tx tx, Collection<UUID> ids) throws SQLException {
    return tx.list(
        "SELECT " + COLUMNS + " FROM build b WHERE b.id = ANY(?::uuid[]) ORDER BY b.id FOR UPDATE",
        BuildRow::of,
        ids);
  }
}
