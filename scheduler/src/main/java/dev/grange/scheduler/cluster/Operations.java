package dev.grange.scheduler.cluster;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.grange.events.ClusterEvents;
import dev.grange.scheduler.FarmConfig;
import dev.grange.store.Db;
import dev.grange.store.Outbox;
import jakarta.enterprise.context.ApplicationScoped;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Cordons, drains, uncordons and removes clusters, as requests ask. Every method runs in the
 * transaction of the request's answer, which holds the queue's lock: no attempt is placed on the
 * cluster meanwhile.
 */
@ApplicationScoped
public class Operations {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final String farm;

  Operations(FarmConfig farm) {
    this.farm = farm.name();
  }

  /**
   * What the request is answered.
   *
   * @param done false when it is refused; the text says what to do instead
   */
  public record Answer(boolean done, String text) {}

  /**
   * Does what is asked of a cluster.
   *
   * @param arguments of the request, a JSON object
   * @return empty when this is no command for a cluster
   */
  public Optional<Answer> answer(
      Db.Tx tx, String command, String cluster, String principal, String arguments)
      throws SQLException {
    Command known =
        switch (command) {
          case "register" -> this::register;
          case "cordon" -> this::cordon;
          case "drain" -> this::drain;
          case "uncordon" -> this::uncordon;
          case "remove" -> this::remove;
          default -> null;
        };
    if (known == null) {
      return Optional.empty();
    }
    ClusterRow row = ClusterRow.lock(tx, cluster).orElse(null);
    return Optional.of(
        row == null
            ? new Answer(false, "there is no cluster " + cluster)
            : known.answer(tx, row, principal, read(arguments)));
  }

  private interface Command {
    Answer answer(Db.Tx tx, ClusterRow cluster, String principal, JsonNode arguments)
        throws SQLException;
  }

  private static JsonNode read(String arguments) {
    try {
      return JSON.readTree(arguments);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("jsonb that is no JSON", e);
    }
  }

  /** The row is written already; this tells of it. */
  private Answer register(Db.Tx tx, ClusterRow cluster, String principal, JsonNode arguments)
      throws SQLException {
    if (!"created".equals(arguments.path("outcome").asText())) {
      return new Answer(true, "cluster " + cluster.name() + " is registered as it was sent");
    }
    Outbox.append(tx, ClusterEvents.registered(farm, cluster.facts(), principal, cluster.now()));
    return new Answer(
        true,
        "cluster " + cluster.name() + " is registered; it takes work when its first check passes");
  }

  private Answer cordon(Db.Tx tx, ClusterRow cluster, String principal, JsonNode arguments)
      throws SQLException {
    String note = text(arguments, "note");
    Instant resumeAt = after(cluster, arguments, "resume_after_seconds");
    boolean same =
        cluster.desired().equals("CORDONED")
            && cluster.desiredBy() != null
            && resumeAt == null
            && cluster.resumeAt() == null
            && (note == null || note.equals(cluster.note()));
    if (same) {
      return new Answer(true, "cluster " + cluster.name() + " was cordoned before");
    }
    tx.update(
        """
        UPDATE cluster SET desired = 'CORDONED', note = ?, desired_by = ?, desired_at = now(), drain_now = false,
          drain_deadline = NULL, drained_at = NULL, resume_at = ?
        WHERE name = ?
        """,
        note,
        principal,
        resumeAt,
        cluster.name());
    Outbox.append(
        tx,
        ClusterEvents.cordoned(
            farm, cluster.facts("CORDONED"), principal, note, resumeAt, cluster.now()));
    return new Answer(
        true,
        "cluster "
            + cluster.name()
            + " takes no new work"
            + until(resumeAt)
            + (cluster.unreleased() == 0 ? "" : "; what runs goes on: " + runs(cluster)));
  }

  private Answer drain(Db.Tx tx, ClusterRow cluster, String principal, JsonNode arguments)
      throws SQLException {
    String note = text(arguments, "note");
    boolean now = arguments.path("now").asBoolean();
    Instant deadline = now ? null : after(cluster, arguments, "timeout_seconds");
    Instant resumeAt = after(cluster, arguments, "resume_after_seconds");
    boolean again = cluster.desired().equals("DRAINING");
    if (again && cluster.drainedAt() != null && note == null && resumeAt == null) {
      return new Answer(true, "cluster " + cluster.name() + " is drained already");
    }
    tx.update(
        """
        UPDATE cluster SET desired = 'DRAINING', note = ?, desired_by = ?, desired_at = now(), drain_now = ?, drain_deadline = ?,
          drained_at = NULL, resume_at = ?
        WHERE name = ?
        """,
        note,
        principal,
        now,
        deadline,
        resumeAt,
        cluster.name());
    Outbox.append(
        tx,
        ClusterEvents.draining(
            farm,
            cluster.facts("DRAINING"),
            principal,
            note,
            now,
            deadline,
            resumeAt,
            cluster.now()));
    int interrupted = now ? interrupt(tx, cluster.name()) : 0;
    if (cluster.unreleased() == 0) {
      drained(tx, cluster, principal);
    }
    return new Answer(true, drainText(cluster, now, deadline, resumeAt, interrupted));
  }

  private static String drainText(
      ClusterRow cluster,
      boolean now,
      @Nullable Instant deadline,
      @Nullable Instant resumeAt,
      int interrupted) {
    String text = "cluster " + cluster.name() + " takes no new work" + until(resumeAt);
    if (cluster.unreleased() == 0) {
      return text + "; nothing was on it: it is drained";
    }
    if (now) {
      return text
          + "; told to stop, and to be built elsewhere: "
          + interrupted
          + " of "
          + runs(cluster);
    }
    return text
        + "; what runs "
        + (deadline == null ? "may end by itself: " : "has until " + deadline + ": ")
        + runs(cluster);
  }

  /**
   * Tells all workers of a cluster to stop. Their attempts end as interrupted, which costs no try,
   * and what they ran is placed elsewhere.
   */
  static int interrupt(Db.Tx tx, String cluster) throws SQLException {
    return tx.update(
        """
        UPDATE attempt SET stop_reason = 'DRAINED'
        WHERE cluster = ? AND state IN ('ASSIGNED', 'PREPARED', 'BUILDING', 'PUSHING') AND stop_reason IS NULL
        """,
        cluster);
  }

  /** Nothing is on it: told once, because it is written down. */
  boolean drained(Db.Tx tx, ClusterRow cluster, @Nullable String principal) throws SQLException {
    int written =
        tx.update(
            """
            UPDATE cluster SET drained_at = now()
            WHERE name = ? AND desired = 'DRAINING' AND drained_at IS NULL AND removed_at IS NULL
            """,
            cluster.name());
    if (written == 0) {
      return false;
    }
    Outbox.append(
        tx, ClusterEvents.drained(farm, cluster.facts("DRAINING"), principal, cluster.now()));
    return true;
  }

  private Answer uncordon(Db.Tx tx, ClusterRow cluster, String principal, JsonNode arguments)
      throws SQLException {
    if (cluster.desired().equals("ACTIVE")) {
      return new Answer(true, "cluster " + cluster.name() + " takes work already");
    }
    activate(tx, cluster, principal, text(arguments, "note"));
    return new Answer(
        true,
        "cluster "
            + cluster.name()
            + " takes work again"
            + (Objects.equals(cluster.reachable(), true)
                ? ""
                : " as soon as it is reachable: `grange clusters check " + cluster.name() + "`"));
  }

  /**
   * Lets a cluster take work.
   *
   * @param principal null when it is the farm that does
   */
  void activate(Db.Tx tx, ClusterRow cluster, @Nullable String principal, @Nullable String note)
      throws SQLException {
    tx.update(
        """
        UPDATE cluster SET desired = 'ACTIVE', note = ?, desired_by = ?, desired_at = now(), drain_now = false,
          drain_deadline = NULL, drained_at = NULL, resume_at = NULL
        WHERE name = ?
        """,
        note,
        principal,
        cluster.name());
    Outbox.append(
        tx,
        ClusterEvents.uncordoned(farm, cluster.facts("ACTIVE"), principal, note, cluster.now()));
  }

  private Answer remove(Db.Tx tx, ClusterRow cluster, String principal, JsonNode arguments)
      throws SQLException {
    if (cluster.unreleased() > 0) {
      return new Answer(
          false,
          "cluster "
              + cluster.name()
              + " is not empty, it has "
              + runs(cluster)
              + ": drain it first (`grange clusters drain "
              + cluster.name()
              + " --wait`; with --now they are moved elsewhere), then remove it");
    }
    // cordoned by nobody, as a new one is: registered again it waits for its check
    tx.update(
        """
        UPDATE cluster SET removed_at = now(), desired = 'CORDONED', note = NULL, desired_by = NULL, desired_at = now(),
          drain_now = false, drain_deadline = NULL, drained_at = NULL, resume_at = NULL, reachable = NULL,
          reachable_changed_at = NULL, last_error = NULL, features = '{}', report = NULL, checked_at = NULL, errors = 0, not_before = NULL
        WHERE name = ? AND removed_at IS NULL
        """,
        cluster.name());
    Outbox.append(
        tx,
        ClusterEvents.removed(
            farm, cluster.facts("CORDONED"), principal, text(arguments, "note"), cluster.now()));
    int bound =
        tx.first(
                "SELECT count(*) AS n FROM execution e JOIN build b ON b.id = e.build_id WHERE"
                    + " b.cluster = ? AND e.state = 'QUEUED'",
                row -> row.getInt("n"),
                cluster.name())
            .orElse(0);
    return new Answer(
        true,
        "cluster "
            + cluster.name()
            + " is no longer part of the farm"
            + (bound == 0
                ? ""
                : "; "
                    + bound
                    + " that wait name it as the only one that may build them: cancel them, or"
                    + " register it again"));
  }

  private static String runs(ClusterRow cluster) {
    return cluster.unreleased() + (cluster.unreleased() == 1 ? " attempt" : " attempts");
  }

  private static String until(@Nullable Instant resumeAt) {
    return resumeAt == null ? "" : " until " + resumeAt;
  }

  private static @Nullable String text(JsonNode arguments, String field) {
    String text = arguments.path(field).asText("");
    return text.isEmpty() ? null : text;
  }

  private static @Nullable Instant after(ClusterRow cluster, JsonNode arguments, String field) {
    long seconds = arguments.path(field).asLong(0);
    return seconds == 0 ? null : cluster.now().plusSeconds(seconds);
  }
}
