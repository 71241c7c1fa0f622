package dev.grange.store.api;

import com.fasterxml.jackson.annotation.JsonRawValue;
import dev.grange.store.Db;
import jakarta.enterprise.context.ApplicationScoped;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/** Reads clusters with what is counted of them. */
@ApplicationScoped
public class Clusters {
  private final Db db;

  public Clusters(Db db) {
    this.db = db;
  }

  /** A cluster as the API shows it; its configuration, which may name credentials, is left out. */
  @Schema(name = "Cluster", description = "Where workers run.")
  public record ClusterView(
      @Schema(examples = "local") String name,
      @Schema(enumeration = {"local", "kubernetes", "fake"}) String kind,
      @Schema(enumeration = {"ACTIVE", "CORDONED", "DRAINING"}) String desired,
      @Schema(nullable = true, description = "As last seen; null before the first look.")
          @Nullable Boolean reachable,
      @Schema(nullable = true) @Nullable Instant reachableChangedAt,
      @Schema(nullable = true, description = "For operators only.") @Nullable String lastError,
      int slots,
      @Schema(description = "Held by attempts whose worker has not been seen gone.") int slotsUsed,
      List<String> platforms,
      @Schema(description = "1 to 1000; a larger one gets more work.") int weight,
      @Schema(type = SchemaType.OBJECT) @JsonRawValue String labels,
      Instant createdAt) {

    public ClusterView withoutError() {
      return new ClusterView(
          name,
          kind,
          desired,
          reachable,
          reachableChangedAt,
          null,
          slots,
          slotsUsed,
          platforms,
          weight,
          labels,
          createdAt);
    }
  }

  public List<ClusterView> all() throws SQLException {
    return db.call(
        tx ->
            tx.list(
                """
                SELECT c.*, (SELECT count(*) FROM attempt a WHERE a.cluster = c.name AND a.released_at IS NULL) AS used
                FROM cluster c ORDER BY c.name
                """,
                row ->
                    new ClusterView(
                        row.getString("name"),
                        row.getString("kind"),
                        row.getString("desired"),
                        row.getObject("reachable", Boolean.class),
                        Db.instant(row, "reachable_changed_at"),
                        row.getString("last_error"),
                        row.getInt("slots"),
                        row.getInt("used"),
                        Db.texts(row, "platforms"),
                        row.getInt("weight"),
                        row.getString("labels"),
                        Objects.requireNonNull(Db.instant(row, "created_at")))));
  }
}
