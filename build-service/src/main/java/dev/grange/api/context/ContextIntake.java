package dev.grange.api.context;

import dev.grange.api.problem.ProblemException;
import dev.grange.api.problem.ProblemType;
import dev.grange.domain.image.CanonicalJson;
import dev.grange.registry.AuthFile;
import dev.grange.registry.ChallengeAuthenticator;
import dev.grange.registry.Digests;
import dev.grange.registry.Manifest;
import dev.grange.registry.Registry;
import dev.grange.store.api.Context;
import dev.grange.store.api.Contexts;
import dev.grange.store.api.Registries;
import jakarta.enterprise.context.ApplicationScoped;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;

/**
 * Takes an upload in: to a file, through {@link ContextArchive}, into the candidate registry, and
 * last into the database. Whatever fails on the way leaves no row, and no file on this machine;
 * what is in the registry by then has no name that anybody asks for.
 */
@ApplicationScoped
class ContextIntake {
  private static final String CONFIG = "application/vnd.oci.image.config.v1+json";
  private static final String LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";

  private final Contexts contexts;
  private final Registries registries;
  private final ContextSettings settings;
  private final ContextArchive archive;
  private final Semaphore places;
  private final Map<String, Registry> clients = new ConcurrentHashMap<>();

  ContextIntake(Contexts contexts, Registries registries, ContextSettings settings) {
    this.contexts = contexts;
    this.registries = registries;
    this.settings = settings;
    this.archive = new ContextArchive(settings);
    this.places = new Semaphore(settings.maxConcurrent());
  }

  /** A context that is in the registry and in the database. */
  record Taken(Context context, boolean created) {}

  /**
   * Takes one upload.
   *
   * @param announced how long the sender says that it is; -1 when it does not say
   */
  Taken take(InputStream body, long announced, String project, String principal)
      throws IOException, SQLException {
    if (announced > settings.maxBytes()) {
      throw tooLarge();
    }
    if (!places.tryAcquire()) {
      throw new ProblemException(
          ProblemType.UNAVAILABLE, "As many uploads as this server takes are running. Try again.");
    }
    try {
      return take(body, project, principal);
    } finally {
      places.release();
    }
  }

  private Taken take(InputStream body, String project, String principal)
      throws IOException, SQLException {
    Path raw = temporary();
    Path normal = temporary();
    try {
      String digest = receive(body, raw);
      Registry registry = candidates();
      String repository = "contexts/" + project;
      Optional<Context> before = contexts.find(project, digest);
      // A row whose artifact is gone is mended rather than believed.
      if (before.isPresent() && registry.resolve(repository, before.get().artifact).isPresent()) {
        return new Taken(before.get(), false);
      }
      ContextArchive.Normalised archived = normalise(raw, normal);
      Context context = new Context();
      context.project = project;
      context.digest = digest;
      context.artifact = push(registry, repository, normal, archived);
      context.blob = archived.digest();
      context.sizeBytes = archived.size();
      context.entries = archived.entries();
      context.principal = principal;
      contexts.keep(context);
      return new Taken(context, true);
    } finally {
      Files.deleteIfExists(raw);
      Files.deleteIfExists(normal);
    }
  }

  private String receive(InputStream body, Path raw) throws IOException {
    MessageDigest sha256 = Digests.sha256();
    long size = 0;
    try (OutputStream out = new DigestOutputStream(Files.newOutputStream(raw), sha256)) {
      byte[] buffer = new byte[1 << 16];
      for (int n = body.read(buffer); n >= 0; n = body.read(buffer)) {
        size += n;
        if (size > settings.maxBytes()) {
          throw tooLarge();
        }
        out.write(buffer, 0, n);
      }
    }
    return Digests.text(sha256);
  }

  private ContextArchive.Normalised normalise(Path raw, Path normal) throws IOException {
    try {
      return archive.normalise(raw, normal);
    } catch (InvalidArchive e) {
      String reason = e.getMessage();
      throw new ProblemException(
          ProblemType.INVALID_CONTEXT_ARCHIVE, reason == null ? "It cannot be read." : reason);
    }
  }

  /** Layer and configuration first, then the manifest: what names them comes last. */
  private static String push(
      Registry registry, String repository, Path normal, ContextArchive.Normalised archived)
      throws IOException {
    byte[] config = "{}".getBytes(StandardCharsets.UTF_8);
    String configDigest = Digests.of(config);
    byte[] manifest =
        CanonicalJson.write(
                Map.of(
                    "schemaVersion",
                    2,
                    "mediaType",
                    Manifest.OCI_MANIFEST,
                    "config",
                    descriptor(CONFIG, configDigest, config.length),
                    "layers",
                    List.of(descriptor(LAYER, archived.digest(), archived.size()))))
            .getBytes(StandardCharsets.UTF_8);
    String artifact = Digests.of(manifest);
    registry.pushBlob(repository, archived.digest(), normal);
    registry.pushBlob(repository, configDigest, config);
    registry.putManifest(
        repository, artifact, new Manifest(artifact, Manifest.OCI_MANIFEST, manifest));
    return artifact;
  }

  private static Map<String, Object> descriptor(String mediaType, String digest, long size) {
    return Map.of("mediaType", mediaType, "digest", digest, "size", size);
  }

  private Registry candidates() {
    String url =
        registries
            .candidateUrl()
            .orElseThrow(
                () ->
                    new ProblemException(
                        ProblemType.UNAVAILABLE, "The farm has no candidate registry yet."));
    return clients.computeIfAbsent(
        url,
        key ->
            new Registry(
                URI.create(key),
                new ChallengeAuthenticator(
                    URI.create(key), settings.registryAuthFile().map(AuthFile::new).orElse(null))));
  }

  private Path temporary() throws IOException {
    if (settings.directory().isEmpty()) {
      return Files.createTempFile("grange-context-", ".tmp");
    }
    Path directory = Files.createDirectories(settings.directory().get());
    return Files.createTempFile(directory, "grange-context-", ".tmp");
  }

  private ProblemException tooLarge() {
    return new ProblemException(
        ProblemType.CONTEXT_TOO_LARGE,
        "A context has at most "
            + settings.maxBytes()
            + " bytes. Leave out what the build does not need: .containerignore.");
  }
}
