package dev.grange.scheduler.release;

import dev.grange.events.ImageReference;
import dev.grange.events.PromotionTarget;
import dev.grange.events.PromotionTarget.Outcome;
import dev.grange.events.ReleaseEvents;
import dev.grange.registry.ImageCopy;
import dev.grange.registry.Manifest;
import dev.grange.registry.Registry;
import dev.grange.registry.RegistryException;
import dev.grange.scheduler.FarmConfig;
import dev.grange.scheduler.Registries;
import dev.grange.scheduler.Wakeups;
import dev.grange.scheduler.Wakeups.Chore;
import dev.grange.scheduler.build.BuildRow;
import dev.grange.scheduler.lease.Leases;
import dev.grange.store.Db;
import dev.grange.store.Outbox;
import jakarta.enterprise.context.ApplicationScoped;
import java.net.URI;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Brings a released candidate to every target of its promotion: copy by digest, read back, then
 * tags, unique ones first. Each target is a step of its own that may be repeated; one registry that
 * is down leaves the others promoted.
 *
 * <p>Whether a target had the digest before is looked up and committed <em>before</em> the copy:
 * after a crash in between, the copy is there, and without that note it would look as if it always
 * had been, and nobody would be told of it.
 */
@ApplicationScoped
public class Promoter {
  private static final Logger LOG = Logger.getLogger(Promoter.class);
  private static final Duration CLAIM = Duration.ofMinutes(2);
  private static final int LONGEST_PAUSE_SECONDS = 60;

  private final Db db;
  private final Registries registries;
  private final Wakeups wakeups;
  private final Leases leases;
  private final String farm;

  Promoter(Db db, Registries registries, Wakeups wakeups, Leases leases, FarmConfig farm) {
    this.db = db;
    this.registries = registries;
    this.wakeups = wakeups;
    this.leases = leases;
    this.farm = farm.name();
  }

  /**
   * The right to bring one release to its targets; what is written in its name is conditional on
   * the epoch of the release's row.
   */
  public record Claim(
      UUID release,
      UUID build,
      UUID promotion,
      String digest,
      String candidateRepository,
      long epoch) {}

  private record Target(
      UUID id,
      String registry,
      String repository,
      List<String> tags,
      int tries,
      @Nullable Boolean found,
      Instant now) {}

  /** Claims releases that are to be promoted and that nobody works on. */
  public List<Claim> claim() throws SQLException {
    return db.list(
        """
        UPDATE release r SET epoch = r.epoch + 1, holder = ?, held_until = now() + make_interval(secs => ?)
        FROM build b, promotion p
        WHERE b.id = r.build_id AND p.release_id = r.id AND p.finished_at IS NULL
          AND r.id IN (
            SELECT id FROM release o
            WHERE state = 'PROMOTING' AND (held_until IS NULL OR held_until < now() OR (holder IS NOT NULL
              AND NOT EXISTS (SELECT FROM lease l WHERE l.name = 'scheduler:' || o.holder AND l.expires_at > now())))
            ORDER BY opened_at LIMIT 50 FOR UPDATE SKIP LOCKED)
        RETURNING r.id, r.build_id, p.id AS promotion, r.digest, b.candidate_repository, r.epoch
        """,
        row ->
            new Claim(
                Db.uuid(row, "id"),
                Db.uuid(row, "build_id"),
                Db.uuid(row, "promotion"),
                row.getString("digest"),
                row.getString("candidate_repository"),
                row.getLong("epoch")),
        leases.holder(),
        (double) CLAIM.toSeconds());
  }

  /** Brings a release to the targets that it has not reached yet. */
  public void promote(Claim claim) throws SQLException {
    Registry candidate = registries.candidate();
    List<Registries.Named> stable = registries.stable();
    int failed = 0;
    int mostTries = 0;
    for (Target target : pending(claim)) {
      Optional<Registry> registry =
          stable.stream()
              .filter(s -> s.name().equals(target.registry()))
              .map(Registries.Named::registry)
              .findFirst();
      try {
        if (registry.isEmpty()) {
          throw new NoSuchRegistry(target.registry());
        }
        promote(claim, target, candidate, registry.get());
      } catch (RegistryException | NoSuchRegistry | RuntimeException e) {
        LOG.warnf(
            "release %s: target %s/%s: %s",
            claim.release(), target.registry(), target.repository(), e.getMessage());
        failed++;
        mostTries = Math.max(mostTries, target.tries() + 1);
        note(target, String.valueOf(e.getMessage()));
      }
    }
    if (failed > 0) {
      putBack(claim, Math.min(LONGEST_PAUSE_SECONDS, 1 << Math.min(mostTries - 1, 6)));
    }
  }

  private static final class NoSuchRegistry extends Exception {
    private static final long serialVersionUID = 1L;

    NoSuchRegistry(String name) {
      super("no stable registry is called " + name + ": register it, or change the policy");
    }
  }

  private List<Target> pending(Claim claim) throws SQLException {
    return db.list(
        """
        SELECT id, registry, repository, tags, tries, found, clock_timestamp() AS asked_at FROM promotion_target
        WHERE promotion_id = ? AND state = 'PENDING' ORDER BY registry, repository
        """,
        row ->
            new Target(
                Db.uuid(row, "id"),
                row.getString("registry"),
                row.getString("repository"),
                Db.texts(row, "tags"),
                row.getInt("tries"),
                row.getObject("found", Boolean.class),
                Objects.requireNonNull(Db.instant(row, "asked_at"))),
        claim.promotion());
  }

  private void promote(Claim claim, Target target, Registry candidate, Registry stable)
      throws SQLException, RegistryException {
    Boolean found = target.found();
    boolean firstTime = found == null;
    if (found == null) {
      // target.now() is before this look: what was announced since then, this look may have missed
      found = stable.resolve(target.repository(), claim.digest()).isPresent();
      if (!lookedAt(claim, target, found)) {
        return;
      }
    }
    boolean absent = firstTime && !found;
    Manifest manifest =
        absent
            ? ImageCopy.bring(
                candidate, claim.candidateRepository(), stable, target.repository(), claim.digest())
            : copied(claim, target, candidate, stable);
    if (!stillHolds(claim)) {
      return;
    }
    for (String tag : target.tags()) {
      // what was not there a moment ago has no tags
      if (absent || !stable.resolve(target.repository(), tag).equals(Optional.of(claim.digest()))) {
        stable.putManifest(target.repository(), tag, manifest);
      }
    }
    reached(claim, target, stable, found);
  }

  /** Copies what an earlier try may have copied already. */
  private static Manifest copied(Claim claim, Target target, Registry candidate, Registry stable)
      throws RegistryException {
    boolean _ =
        ImageCopy.copy(
            candidate, claim.candidateRepository(), stable, target.repository(), claim.digest());
    return stable
        .manifest(target.repository(), claim.digest())
        .orElseThrow(() -> stable.missing(target.repository(), claim.digest()));
  }

  /** Notes whether the target had the image, while the claim holds. */
  private boolean lookedAt(Claim claim, Target target, boolean found) throws SQLException {
    return db.call(
        tx ->
            holds(tx, claim)
                && tx.update(
                        "UPDATE promotion_target SET found = ?, looked_at = ? WHERE"
                            + " id = ? AND state = 'PENDING'",
                        found,
                        target.now(),
                        target.id())
                    == 1);
  }

  private boolean stillHolds(Claim claim) throws SQLException {
    return db.call(tx -> holds(tx, claim));
  }

  /** Locks the release's row, so that the claim cannot be taken before this transaction ends. */
  private static boolean holds(Db.Tx tx, Claim claim) throws SQLException {
    return tx.first(
            "SELECT 1 FROM release WHERE id = ? AND epoch = ? AND state = 'PROMOTING' FOR UPDATE",
            _ -> true,
            claim.release(),
            claim.epoch())
        .isPresent();
  }

  private void reached(Claim claim, Target target, Registry stable, boolean found)
      throws SQLException {
    boolean finished =
        db.call(
            tx -> {
              BuildRow build = BuildRow.lock(tx, List.of(claim.build())).getFirst();
              Optional<Release> release = Release.of(tx, build);
              if (release.isEmpty() || !holds(tx, claim)) {
                return false;
              }
              boolean news = isNews(tx, claim, target, found);
              Outcome outcome = news ? Outcome.PUBLISHED : Outcome.UNCHANGED;
              tx.update(
                  """
                  UPDATE promotion_target SET state = 'DONE', outcome = ?, finished_at = now(), last_error = NULL
                  WHERE id = ? AND state = 'PENDING'
                  """,
                  outcome.word(),
                  target.id());
              if (news) {
                ImageReference image =
                    new ImageReference(stable.host(), target.repository(), claim.digest());
                Outbox.append(
                    tx,
                    ReleaseEvents.published(
                        farm,
                        release.get().facts(),
                        claim.promotion(),
                        new PromotionTarget(target.id(), target.registry(), image, target.tags()),
                        build.now()));
              }
              return finish(tx, claim, build, release.get());
            });
    wakeups.changed(EnumSet.of(Chore.RELAY), List.of(claim.build()));
    if (finished) {
      LOG.debugf("release %s is promoted", claim.release());
    }
  }

  /**
   * Whether nobody has announced yet that the image is there.
   *
   * <p>Two builds with the same image at once: the one that commits second finds that the other has
   * announced it. A promotion that copied and was then withdrawn or has died did not announce it:
   * whoever finds the copy does.
   */
  private static boolean isNews(Db.Tx tx, Claim claim, Target target, boolean found)
      throws SQLException {
    String place = target.registry() + "/" + target.repository() + "@" + claim.digest();
    tx.first("SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", _ -> true, place);
    return tx.first(
            """
            WITH there AS (
              SELECT t.id, t.found, t.looked_at, t.outcome, t.finished_at
              FROM promotion_target t JOIN promotion p ON p.id = t.promotion_id JOIN release r ON r.id = p.release_id
              WHERE t.registry = ? AND t.repository = ? AND r.digest = ?)
            SELECT 1 FROM there copied
            WHERE copied.found = false AND (copied.id = ? OR (? AND copied.outcome IS NULL))
              AND NOT EXISTS (
                SELECT FROM there told WHERE told.outcome = 'published' AND told.finished_at >= copied.looked_at)
            LIMIT 1
            """,
            _ -> true,
            target.registry(),
            target.repository(),
            claim.digest(),
            target.id(),
            found)
        .isPresent();
  }

  /** Ends the promotion when its last target was reached. */
  private boolean finish(Db.Tx tx, Claim claim, BuildRow build, Release release)
      throws SQLException {
    record Reached(
        UUID id,
        String registry,
        String url,
        String repository,
        List<String> tags,
        @Nullable String outcome) {}
    List<Reached> targets =
        tx.list(
            """
            SELECT t.id, t.registry, g.url, t.repository, t.tags, t.outcome
            FROM promotion_target t JOIN registry g ON g.name = t.registry WHERE t.promotion_id = ? ORDER BY t.registry, t.repository
            """,
            row ->
                new Reached(
                    Db.uuid(row, "id"),
                    row.getString("registry"),
                    row.getString("url"),
                    row.getString("repository"),
                    Db.texts(row, "tags"),
                    row.getString("outcome")),
            claim.promotion());
    List<PromotionTarget.Result> results = new ArrayList<>();
    for (Reached target : targets) {
      String outcome = target.outcome();
      if (outcome == null) {
        return false;
      }
      String host = URI.create(target.url()).getAuthority();
      results.add(
          new PromotionTarget.Result(
              new PromotionTarget(
                  target.id(),
                  target.registry(),
                  new ImageReference(host, target.repository(), claim.digest()),
                  target.tags()),
              outcome.equals(Outcome.PUBLISHED.word()) ? Outcome.PUBLISHED : Outcome.UNCHANGED));
    }
    tx.update("UPDATE promotion SET finished_at = now() WHERE id = ?", claim.promotion());
    tx.update(
        "UPDATE release SET state = 'PROMOTED', finished_at = now(), holder = NULL, held_until ="
            + " NULL WHERE id = ? AND epoch = ?",
        claim.release(),
        claim.epoch());
    Outbox.append(
        tx,
        ReleaseEvents.promotionFinished(
            farm, release.facts(), claim.promotion(), results, build.now()));
    return true;
  }

  private void note(Target target, String error) throws SQLException {
    int _ =
        db.update(
            "UPDATE promotion_target SET tries = tries + 1, last_error = ? WHERE id = ? AND"
                + " state = 'PENDING'",
            error,
            target.id());
  }

  /** Gives the claim back until the pause is over. */
  private void putBack(Claim claim, int pauseSeconds) throws SQLException {
    int _ =
        db.update(
            """
            UPDATE release SET holder = NULL, held_until = now() + make_interval(secs => ?)
            WHERE id = ? AND epoch = ? AND state = 'PROMOTING'
            """,
            (double) pauseSeconds,
            claim.release(),
            claim.epoch());
    wakeups.changed(EnumSet.of(Chore.RELAY), List.of(claim.build()));
    wakeups.later(Chore.PROMOTION, Duration.ofSeconds(pauseSeconds).plusMillis(50));
  }
}
