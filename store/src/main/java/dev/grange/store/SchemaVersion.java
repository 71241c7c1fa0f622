package dev.grange.store;

import jakarta.enterprise.context.ApplicationScoped;
import java.sql.SQLException;

/** Compares the database with what this code was written for. */
@ApplicationScoped
public class SchemaVersion {

  /** The newest migration that this code needs. */
  public static final int EXPECTED = 6;

  private final Db db;

  public SchemaVersion(Db db) {
    this.db = db;
  }

  /**
   * The newest migration that was applied. Migrations go first in an upgrade, so it may be newer.
   */
  public int current() throws SQLException {
    return db.first(
            "SELECT coalesce(max(version::int), 0) FROM flyway_schema_history WHERE" + " success",
            row -> row.getInt(1))
        .orElseThrow();
  }
}
