package dev.grange.scheduler.build;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.grange.domain.build.Failure;
import dev.grange.domain.build.Fault;
import dev.grange.domain.build.Reason;
import dev.grange.events.BuildEvents;
import dev.grange.events.BuildEvents.PlatformImage;
import dev.grange.events.Change;
import dev.grange.events.ImageReference;
import dev.grange.registry.Digests;
import dev.grange.registry.ImageCopy;
import dev.grange.registry.Manifest;
import dev.grange.registry.Registry;
import dev.grange.registry.RegistryException;
import dev.grange.scheduler.FarmConfig;
import dev.grange.scheduler.Registries;
import dev.grange.scheduler.Wakeups;
import dev.grange.scheduler.Wakeups.Chore;
import dev.grange.scheduler.release.Releases;
import dev.grange.store.Db;
import dev.grange.store.Outbox;
import jakarta.enterprise.context.ApplicationScoped;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jboss.logging.Logger;

/**
 * Makes a build whole: mounts the image of each platform from its attempt's repository into the
 * build's, pushes the index that lists them, and says that the build has succeeded. A registry
 * refuses an index whose manifests live in another repository.
 *
 * <p>Everything at the registry is by digest, so that it may be done twice, by two schedulers at
 * once as well.
 */
@ApplicationScoped
public class Indexer {
  private static final Logger LOG = Logger.getLogger(Indexer.class);
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int MAX_TRIES = 30;
  private static final int LONGEST_PAUSE_SECONDS = 60;

  private final Db db;
  private final Registries registries;
  private final Releases releases;
  private final Outcomes outcomes;
  private final Wakeups wakeups;
  private final String farm;

  Indexer(
      Db db,
      Registries registries,
      Releases releases,
      Outcomes outcomes,
      Wakeups wakeups,
      FarmConfig farm) {
    this.db = db;
    this.registries = registries;
    this.releases = releases;
    this.outcomes = outcomes;
    this.wakeups = wakeups;
    this.farm = farm.name();
  }

  private record Part(String platform, String repository, String digest, String inputDigest) {}

  /** Claims what nobody works on: left by a scheduler that died, or put back after a failure. */
  public List<IndexClaim> claimAbandoned() throws SQLException {
    return db.call(
        tx -> {
          List<UUID> due =
              tx.list(
                  """
                  SELECT b.id FROM build b
                  WHERE b.state = 'RUNNING' AND (b.index_until IS NULL OR b.index_until < now() OR (b.index_holder IS NOT NULL
                      AND NOT EXISTS (SELECT FROM lease l WHERE l.name = 'scheduler:' || b.index_holder AND l.expires_at > now())))
                    AND NOT EXISTS (SELECT FROM platform_build p WHERE p.build_id = b.id AND p.state <> 'SUCCEEDED')
                  ORDER BY b.id LIMIT 50
                  """,
                  row -> Db.uuid(row, "id"));
          List<IndexClaim> claims = new ArrayList<>();
          for (BuildRow build : BuildRow.lock(tx, due)) {
            outcomes.claimIndex(tx, build).ifPresent(claims::add);
          }
          return claims;
        });
  }

  /** Makes the index. A registry that is away puts the claim back for later. */
  public void make(IndexClaim claim) throws SQLException {
    UUID build = claim.build().id();
    try {
      List<Part> parts = parts(build);
      Registry candidate = registries.candidate();
      String repository = "builds/" + build;
      Manifest index = index(candidate, repository, parts);
      candidate.putManifest(repository, index.digest(), index);
      if (candidate.resolve(repository, index.digest()).isEmpty()) {
        throw new RegistryNotConsistent(candidate.host());
      }
      succeed(claim, parts, new ImageReference(candidate.host(), repository, index.digest()));
    } catch (RegistryException | RegistryNotConsistent | RuntimeException e) {
      putBack(claim, e);
    }
  }

  private static final class RegistryNotConsistent extends Exception {
    private static final long serialVersionUID = 1L;

    RegistryNotConsistent(String host) {
      super("registry " + host + " took the index and does not have it");
    }
  }

  private List<Part> parts(UUID build) throws SQLException {
    return db.list(
        """
        SELECT p.platform, a.repository, p.digest, e.input_digest
        FROM platform_build p JOIN attempt a ON a.id = p.attempt_id JOIN execution e ON e.id = p.execution_id
        WHERE p.build_id = ? ORDER BY p.platform
        """,
        row ->
            new Part(
                row.getString("platform"),
                row.getString("repository"),
                row.getString("digest"),
                row.getString("input_digest")),
        build);
  }

  /** The index as OCI's image-spec has it, always the same bytes for the same images. */
  private static Manifest index(Registry registry, String repository, List<Part> parts)
      throws RegistryException {
    ObjectNode root =
        JSON.createObjectNode().put("schemaVersion", 2).put("mediaType", Manifest.OCI_INDEX);
    ArrayNode manifests = root.putArray("manifests");
    for (Part part : parts) {
      Manifest image =
          ImageCopy.bring(registry, part.repository(), registry, repository, part.digest());
      String[] platform = part.platform().split("/", -1);
      ObjectNode of =
          manifests
              .addObject()
              .put("mediaType", image.mediaType())
              .put("digest", image.digest())
              .put("size", image.bytes().length)
              .putObject("platform")
              .put("architecture", platform[1])
              .put("os", platform[0]);
      if (platform.length > 2) {
        of.put("variant", platform[2]);
      }
    }
    byte[] bytes = root.toString().getBytes(StandardCharsets.UTF_8);
    return new Manifest(Digests.of(bytes), Manifest.OCI_INDEX, bytes);
  }

  private void succeed(IndexClaim claim, List<Part> parts, ImageReference candidate)
      throws SQLException {
    UUID id = claim.build().id();
    boolean written =
        db.call(
            tx -> {
              BuildRow build = BuildRow.lock(tx, List.of(id)).getFirst();
              int succeeded =
                  tx.update(
                      """
                      UPDATE build SET state = 'SUCCEEDED', finished_at = now(), candidate_repository = ?, candidate_digest = ?
                      WHERE id = ? AND state = 'RUNNING' AND index_epoch = ?
                      """,
                      candidate.repository(),
                      candidate.digest(),
                      id,
                      claim.epoch());
              if (succeeded == 0) {
                return false;
              }
              Outbox.append(
                  tx,
                  BuildEvents.packaged(
                      farm,
                      build.facts(),
                      candidate,
                      Change.ofInputs(farm, parts.getFirst().inputDigest()),
                      parts.stream().map(p -> new PlatformImage(p.platform(), p.digest())).toList(),
                      build.now()));
              Outbox.append(tx, BuildEvents.succeeded(farm, build.facts(), candidate, build.now()));
              if (!build.facts().scratch()) {
                releases.open(tx, build, candidate);
              }
              return true;
            });
    if (written) {
      wakeups.changed(EnumSet.of(Chore.PLACEMENT, Chore.PROMOTION, Chore.RELAY), List.of(id));
    } else {
      LOG.infof(
          "the index of build %s was finished by somebody else, or the build was cancelled", id);
    }
  }

  private void putBack(IndexClaim claim, Exception cause) throws SQLException {
    UUID id = claim.build().id();
    int tries = claim.tries() + 1;
    Optional<RegistryException> registry =
        cause instanceof RegistryException r ? Optional.of(r) : Optional.empty();
    boolean last = tries >= MAX_TRIES || registry.map(r -> !r.retryable()).orElse(false);
    int pause = Math.min(LONGEST_PAUSE_SECONDS, 1 << Math.min(tries - 1, 6));
    LOG.warnf("build %s: making the index failed (try %d): %s", id, tries, cause.getMessage());
    db.run(
        tx -> {
          BuildRow build = BuildRow.lock(tx, List.of(id)).getFirst();
          int ours =
              tx.update(
                  """
                  UPDATE build SET index_tries = ?, index_holder = NULL, index_until = now() + make_interval(secs => ?)
                  WHERE id = ? AND state = 'RUNNING' AND index_epoch = ?
                  """,
                  tries,
                  (double) pause,
                  id,
                  claim.epoch());
          if (ours == 1 && last) {
            boolean forbidden =
                registry.map(r -> r.kind() == RegistryException.Kind.UNAUTHORIZED).orElse(false);
            Reason reason = forbidden ? Reason.REGISTRY_AUTH : Reason.PUSH_FAILED;
            outcomes.fail(
                tx,
                build,
                forbidden ? Fault.CONFIG : Fault.INFRA,
                new Failure(reason, "the index could not be pushed: " + cause.getMessage()));
          }
        });
    if (last) {
      wakeups.changed(EnumSet.of(Chore.RELAY), List.of(id));
    } else {
      wakeups.later(Chore.RECONCILIATION, Duration.ofSeconds(pause).plusMillis(50));
    }
  }
}
