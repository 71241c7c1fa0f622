package dev.grange.store.api;

import com.fasterxml.jackson.annotation.JsonRawValue;
import dev.grange.store.Db;
import jakarta.enterprise.context.ApplicationScoped;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/** Reads clusters with what is counted of them, and writes what people register. */
@ApplicationScoped
public class Clusters {
  private static final String VIEW =
      """
      SELECT c.*, (SELECT count(*) FROM attempt a WHERE a.cluster = c.name AND a.released_at IS NULL) AS used
      FROM cluster c WHERE c.removed_at IS NULL
      """;

  private static final String ONE = VIEW + " AND c.name = ?";

  private final Db db;
  private final Ids ids;

  public Clusters(Db db, Ids ids) {
    this.db = db;
    this.ids = ids;
  }

  /** A cluster as the API shows it. */
  @Schema(name = "Cluster", description = "Where workers run.")
  public record ClusterView(
      @Schema(examples = "local") String name,
      @Schema(enumeration = {"local", "kubernetes", "fake"}) String kind,
      @Schema(
              enumeration = {"ACTIVE", "CORDONED", "DRAINING"},
              description = "CORDONED and DRAINING take no new work.")
          String desired,
      @Schema(nullable = true, description = "Why.") @Nullable String note,
      @Schema(
              nullable = true,
              description =
                  "Who wanted it. Null when nobody did: a new cluster is CORDONED until its first"
                      + " check passes.")
          @Nullable String desiredBy,
      @Schema(nullable = true) @Nullable Instant desiredAt,
      @Schema(description = "Whether what runs is being interrupted and moved.") boolean drainNow,
      @Schema(nullable = true, description = "From when on what still runs is interrupted.")
          @Nullable Instant drainDeadline,
      @Schema(nullable = true, description = "When nothing was on it any more.")
          @Nullable Instant drainedAt,
      @Schema(nullable = true, description = "When it takes work again by itself.")
          @Nullable Instant resumeAt,
      @Schema(nullable = true, description = "As last seen; null before the first look.")
          @Nullable Boolean reachable,
      @Schema(nullable = true) @Nullable Instant reachableChangedAt,
      @Schema(nullable = true, description = "For operators only.") @Nullable String lastError,
      @Schema(description = "In a row.") int errors,
      @Schema(nullable = true, description = "It gets no work before, because of errors.")
          @Nullable Instant notBefore,
      int slots,
      @Schema(description = "Held by attempts whose worker has not been seen gone.") int slotsUsed,
      List<String> platforms,
      @Schema(description = "1 to 1000; a larger one gets more work.") int weight,
      @Schema(type = SchemaType.OBJECT) @JsonRawValue String labels,
      @Schema(
              type = SchemaType.OBJECT,
              description = "What cluster and worker image can do, as the last check found.")
          @JsonRawValue
          String features,
      @Schema(
              type = SchemaType.OBJECT,
              nullable = true,
              description =
                  "What the last check found: ok, and findings with check, status (OK, WARNING,"
                      + " FAILED, NOT_DONE) and message. While one goes on: checking (true), and"
                      + " the findings so far. For operators only.")
          @JsonRawValue
          @Nullable String report,
      @Schema(nullable = true) @Nullable Instant checkedAt,
      @Schema(
              type = SchemaType.OBJECT,
              nullable = true,
              description = "As it was registered; names files, never secrets. For operators only.")
          @JsonRawValue
          @Nullable String config,
      @Schema(description = "Of what is registered: the ETag.") long version,
      Instant createdAt) {

    /** What everybody may see: no hosts, no paths. */
    public ClusterView forEverybody() {
      return new ClusterView(
          name,
          kind,
          desired,
          note,
          desiredBy,
          desiredAt,
          drainNow,
          drainDeadline,
          drainedAt,
          resumeAt,
          reachable,
          reachableChangedAt,
          null,
          errors,
          notBefore,
          slots,
          slotsUsed,
          platforms,
          weight,
          labels,
          features,
          null,
          checkedAt,
          null,
          version,
          createdAt);
    }
  }

  private static ClusterView view(ResultSet row) throws SQLException {
    return new ClusterView(
        row.getString("name"),
        row.getString("kind"),
        row.getString("desired"),
        row.getString("note"),
        row.getString("desired_by"),
        Db.instant(row, "desired_at"),
        row.getBoolean("drain_now"),
        Db.instant(row, "drain_deadline"),
        Db.instant(row, "drained_at"),
        Db.instant(row, "resume_at"),
        row.getObject("reachable", Boolean.class),
        Db.instant(row, "reachable_changed_at"),
        row.getString("last_error"),
        row.getInt("errors"),
        Db.instant(row, "not_before"),
        row.getInt("slots"),
        row.getInt("used"),
        Db.texts(row, "platforms"),
        row.getInt("weight"),
        row.getString("labels"),
        row.getString("features"),
        row.getString("report"),
        Db.instant(row, "checked_at"),
        row.getString("config"),
        row.getLong("version"),
        Objects.requireNonNull(Db.instant(row, "created_at")));
  }

  public List<ClusterView> all() throws SQLException {
    return db.list(VIEW + " ORDER BY c.name", Clusters::view);
  }

  /** Empty when there is none of that name, or it was removed. */
  public Optional<ClusterView> find(String name) throws SQLException {
    return db.first(ONE, Clusters::view, name);
  }

  private static ClusterView read(Db.Tx tx, String name) throws SQLException {
    return tx.first(ONE, Clusters::view, name).orElseThrow();
  }

  /**
   * What somebody registers.
   *
   * @param labels a JSON object
   * @param config a JSON object
   */
  public record Registration(
      String name,
      String kind,
      int slots,
      List<String> platforms,
      int weight,
      String labels,
      String config) {

    public Registration {
      platforms = List.copyOf(platforms);
    }
  }

  /**
   * What has to be so for a registration to be written.
   *
   * @param version that the cluster has now; null when that does not matter
   * @param absent whether there must be none
   */
  public record Condition(@Nullable Long version, boolean absent) {
    public static final Condition NONE = new Condition(null, false);
  }

  /** What came of a registration. */
  public sealed interface Registered {
    /**
     * It is as was asked for.
     *
     * @param outcome {@code created}, {@code changed} or {@code unchanged}
     * @param check the request that answers when the cluster has been checked; null when nothing
     *     changed that a check looks at
     */
    record Done(String outcome, ClusterView cluster, @Nullable UUID check) implements Registered {}

    /** There is one already. */
    record Exists() implements Registered {}

    /**
     * It has another version than was expected.
     *
     * @param version null when there is none
     */
    record Stale(@Nullable Long version) implements Registered {}

    /** It would become another kind of cluster. */
    record OtherKind(String kind) implements Registered {}

    /** Its removal was asked for and has not been answered yet. */
    record Leaving() implements Registered {}

    /**
     * It would become another place while pods are where it is now, which nobody would look after.
     *
     * @param pods of attempts that run, or that are kept for people to look at
     */
    record Occupied(int pods) implements Registered {}
  }

  private record Row(
      String kind,
      long version,
      boolean removed,
      boolean same,
      boolean sameConfig,
      boolean samePlace) {
    static Row of(ResultSet row) throws SQLException {
      return new Row(
          row.getString("kind"),
          row.getLong("version"),
          row.getBoolean("removed"),
          row.getBoolean("same"),
          row.getBoolean("same_config"),
          row.getBoolean("same_place"));
    }
  }

  /**
   * Registers a cluster, or changes what is registered, and asks the scheduler to tell of it and to
   * check it, in one transaction. The same again changes nothing.
   */
  public Registered register(Registration wanted, Condition condition, String principal)
      throws SQLException {
    return db.call(
        tx -> {
          Row row = lock(tx, wanted).orElse(null);
          if (row == null && condition.version() == null) {
            if (insert(tx, wanted)) {
              return done(tx, "created", wanted, principal, true);
            }
            // somebody was faster by a moment
            row = lock(tx, wanted).orElse(null);
          }
          if (row == null || (row.removed() && condition.version() != null)) {
            return new Registered.Stale(null);
          }
          if (isLeaving(tx, wanted.name())) {
            return new Registered.Leaving();
          }
          if (row.removed()) {
            update(tx, wanted);
            return done(tx, "created", wanted, principal, true);
          }
          if (condition.absent()) {
            return new Registered.Exists();
          }
          if (condition.version() != null && condition.version() != row.version()) {
            return new Registered.Stale(row.version());
          }
          if (!row.kind().equals(wanted.kind())) {
            return new Registered.OtherKind(row.kind());
          }
          if (row.same()) {
            return new Registered.Done("unchanged", read(tx, wanted.name()), null);
          }
          int pods = row.samePlace() ? 0 : pods(tx, wanted.name());
          if (pods > 0) {
            return new Registered.Occupied(pods);
          }
          update(tx, wanted);
          return done(tx, "changed", wanted, principal, !row.sameConfig());
        });
  }

  private static Optional<Row> lock(Db.Tx tx, Registration wanted) throws SQLException {
    return tx.first(
        """
        SELECT c.kind, c.version, c.removed_at IS NOT NULL AS removed, c.config = w.config AS same_config,
          (c.config -> 'server', c.config -> 'namespace', c.config #> '{credential,context}') IS NOT DISTINCT FROM
            (w.config -> 'server', w.config -> 'namespace', w.config #> '{credential,context}') AS same_place,
          c.slots = ? AND c.platforms = ? AND c.weight = ? AND c.labels = ?::jsonb AND c.config = w.config AS same
        FROM cluster c CROSS JOIN (SELECT ?::jsonb AS config) AS w WHERE c.name = ? FOR UPDATE OF c
        """,
        Row::of,
        wanted.slots(),
        wanted.platforms(),
        wanted.weight(),
        wanted.labels(),
        wanted.config(),
        wanted.name());
  }

  private static boolean isLeaving(Db.Tx tx, String name) throws SQLException {
    return tx.first(
            "SELECT 1 FROM request WHERE command = 'remove' AND target = ? AND answer IS NULL"
                + " LIMIT 1",
            _ -> true,
            name)
        .isPresent();
  }

  /**
   * Pods that are or may be there. No new ones begin meanwhile: whoever places one locks the
   * cluster's row, as this transaction has.
   */
  private static int pods(Db.Tx tx, String name) throws SQLException {
    return tx.first(
            "SELECT count(*) AS pods FROM attempt WHERE cluster = ? AND (released_at IS NULL OR"
                + " pod_kept_until > now())",
            row -> row.getInt("pods"),
            name)
        .orElse(0);
  }

  private static boolean insert(Db.Tx tx, Registration wanted) throws SQLException {
    return tx.update(
            """
            INSERT INTO cluster (name, kind, desired, slots, platforms, weight, labels, config)
            VALUES (?, ?, 'CORDONED', ?, ?, ?, ?::jsonb, ?::jsonb) ON CONFLICT (name) DO NOTHING
            """,
            wanted.name(),
            wanted.kind(),
            wanted.slots(),
            wanted.platforms(),
            wanted.weight(),
            wanted.labels(),
            wanted.config())
        > 0;
  }

  /** Also one that was removed: the scheduler has left it cordoned, as a new one is. */
  private static void update(Db.Tx tx, Registration wanted) throws SQLException {
    tx.update(
        """
        UPDATE cluster SET kind = ?, slots = ?, platforms = ?, weight = ?, labels = ?::jsonb, config = ?::jsonb,
          version = version + 1, removed_at = NULL
        WHERE name = ?
        """,
        wanted.kind(),
        wanted.slots(),
        wanted.platforms(),
        wanted.weight(),
        wanted.labels(),
        wanted.config(),
        wanted.name());
  }

  private Registered done(
      Db.Tx tx, String outcome, Registration wanted, String principal, boolean check)
      throws SQLException {
    tx.update(
        """
        INSERT INTO request (id, principal, command, target, arguments)
        SELECT ?, ?, 'register', name, jsonb_build_object('outcome', ?::text, 'version', version, 'slots', slots,
          'platforms', platforms, 'weight', weight, 'labels', labels, 'config', config)
        FROM cluster WHERE name = ?
        """,
        ids.next(),
        principal,
        outcome,
        wanted.name());
    UUID request = check ? ids.next() : null;
    if (request != null) {
      tx.update(
          "INSERT INTO request (id, principal, command, target) VALUES (?, ?, 'check', ?)",
          request,
          principal,
          wanted.name());
    }
    return new Registered.Done(outcome, read(tx, wanted.name()), request);
  }

  /**
   * Writes a command for a cluster down. Asking for a check while one is open finds that one.
   *
   * @param arguments a JSON object
   * @return the request; empty when there is no such cluster
   */
  public Optional<UUID> command(String cluster, String command, String principal, String arguments)
      throws SQLException {
    return db.call(
        tx -> {
          if (command.equals("check")) {
            Optional<UUID> open =
                tx.first(
                    "SELECT id FROM request WHERE command = 'check' AND target = ? AND answer IS"
                        + " NULL LIMIT 1",
                    row -> Db.uuid(row, "id"),
                    cluster);
            if (open.isPresent()) {
              return open;
            }
          }
          return tx.first(
              """
              INSERT INTO request (id, principal, command, target, arguments)
              SELECT ?, ?, ?, name, ?::jsonb FROM cluster WHERE name = ? AND removed_at IS NULL RETURNING id
              """,
              row -> Db.uuid(row, "id"),
              ids.next(),
              principal,
              command,
              arguments,
              cluster);
        });
  }

  /** A command that was given for a cluster, and its answer. */
  @Schema(name = "ClusterRequest")
  public record Past(
      UUID id,
      @Schema(examples = "drain") String command,
      String principal,
      @Schema(type = SchemaType.OBJECT) @JsonRawValue String arguments,
      Instant createdAt,
      @Schema(
              nullable = true,
              enumeration = {"DONE", "REFUSED"})
          @Nullable String answer,
      @Schema(nullable = true) @Nullable String answerText) {}

  /** The newest commands for a cluster: who did what to it. */
  public List<Past> history(String cluster, int limit) throws SQLException {
    return db.list(
        """
        SELECT id, command, principal, arguments, created_at, answer, answer_text FROM request
        WHERE target = ? AND build_id IS NULL ORDER BY created_at DESC, id DESC LIMIT ?
        """,
        row ->
            new Past(
                Db.uuid(row, "id"),
                row.getString("command"),
                row.getString("principal"),
                row.getString("arguments"),
                Objects.requireNonNull(Db.instant(row, "created_at")),
                row.getString("answer"),
                row.getString("answer_text")),
        cluster,
        limit);
  }
}
