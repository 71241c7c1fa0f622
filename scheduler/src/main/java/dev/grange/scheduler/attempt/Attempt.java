package dev.grange.scheduler.attempt;

import dev.grange.domain.build.AttemptState;
import dev.grange.events.AttemptFacts;
import dev.grange.store.Db;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * An attempt as its row says, read when this scheduler took it on.
 *
 * @param epoch the fence: what this scheduler writes of the attempt, it writes while the row has
 *     this epoch
 * @param podUid null while it is not known whether the pod exists
 * @param queuedAt when what it runs had begun to wait
 */
public record Attempt(
    UUID id,
    boolean build,
    @Nullable UUID executionId,
    @Nullable UUID testRunId,
    int number,
    String cluster,
    long epoch,
    AttemptState state,
    String podName,
    @Nullable String podUid,
    @Nullable String repository,
    Instant queuedAt) {

  public static final String COLUMNS =
      "a.id, a.kind, a.execution_id, a.test_run_id, a.number, a.cluster, a.epoch, a.state,"
          + " a.pod_name, a.pod_uid, a.repository, a.queued_at";

  public static Attempt of(ResultSet row) throws SQLException {
    return new Attempt(
        Db.uuid(row, "id"),
        row.getString("kind").equals("BUILD"),
        row.getObject("execution_id", UUID.class),
        row.getObject("test_run_id", UUID.class),
        row.getInt("number"),
        row.getString("cluster"),
        row.getLong("epoch"),
        AttemptState.valueOf(row.getString("state")),
        row.getString("pod_name"),
        row.getString("pod_uid"),
        row.getString("repository"),
        Objects.requireNonNull(Db.instant(row, "queued_at")));
  }

  /** What is told of it before its worker has begun. */
  public AttemptFacts facts(@Nullable String node) {
    return facts(node, null);
  }

  /**
   * What is told of it.
   *
   * @param startedAt when its worker began
   */
  public AttemptFacts facts(@Nullable String node, @Nullable Instant startedAt) {
    return new AttemptFacts(id, number, cluster, node, queuedAt, startedAt);
  }
}
