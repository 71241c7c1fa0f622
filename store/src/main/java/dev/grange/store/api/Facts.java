package dev.grange.store.api;

import dev.grange.store.Db;
import jakarta.enterprise.context.ApplicationScoped;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Reads what was told of a build. */
@ApplicationScoped
public class Facts {
  private final Db db;

  public Facts(Db db) {
    this.db = db;
  }

  /**
   * A row of the outbox.
   *
   * @param order grows within one build, because whoever writes for a build holds its row lock
   * @param payload the whole CDEvent as JSON
   */
  public record Fact(
      long order,
      String id,
      String type,
      String subject,
      Instant createdAt,
      @Nullable Instant publishedAt,
      String payload) {}

  public List<Fact> ofBuild(UUID build) throws SQLException {
    return db.list(
        """
        SELECT id, event_id, type, subject, created_at, sent_at, payload FROM outbox WHERE key = ? ORDER BY id
        """,
        row ->
            new Fact(
                row.getLong("id"),
                row.getString("event_id"),
                row.getString("type"),
                row.getString("subject"),
                Objects.requireNonNull(Db.instant(row, "created_at")),
                Db.instant(row, "sent_at"),
                row.getString("payload")),
        build.toString());
  }
}
