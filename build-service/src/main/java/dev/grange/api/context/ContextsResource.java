package dev.grange.api.context;

import dev.grange.api.access.Caller;
import dev.grange.api.access.CurrentCaller;
import dev.grange.api.access.Role;
import dev.grange.api.problem.ProblemException;
import dev.grange.api.problem.ProblemType;
import dev.grange.domain.image.CanonicalJson;
import dev.grange.domain.image.Names;
import dev.grange.registry.Digests;
import dev.grange.registry.Manifest;
import dev.grange.registry.Registry;
import dev.grange.store.api.Context;
import dev.grange.store.api.Contexts;
import dev.grange.store.api.Projects;
import dev.grange.store.api.Registries;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.HeaderParam;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;

import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.Parameter;
import org.eclipse.microprofile.openapi.annotations.parameters.RequestBody;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jspecify.annotations.Nullable;

/** What builds are made from, sent ahead. */
@Path("/api/v1/contexts")
@Produces(MediaType.APPLICATION_JSON)
@RunOnVirtualThread
@Tag(name = "Contexts")
public class ContextsResource {
  private static final String CONFIG = "application/vnd.oci.image.config.v1+json";
  private static final String LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";

  private final CurrentCaller current;
  private final Projects projects;
  private final Contexts contexts;
  private final Registries registries;
  private final ContextSettings settings;
  private final ContextArchive archive;
  private final Semaphore places;
  private final Map<String, Registry> clients = new ConcurrentHashMap<>();

  ContextsResource(
      CurrentCaller current,
      Projects projects,
      Contexts contexts,
      Registries registries,
      ContextSettings settings) {
    this.current = current;
    this.projects = projects;
    this.contexts = contexts;
    this.registries = registries;
    this.settings = settings;
    this.archive = new ContextArchive(settings);
    this.places = new Semaphore(settings.maxConcurrent());
  }

  /** A context as the farm keeps it. */
  @Schema(name = "Context")
  public record ContextView(
      @Schema(description = "Of the bytes that were sent; what a submission names.") String digest,
      @Schema(description = "Of the archive that workers get, in bytes.") long size,
      @Schema(description = "Files, folders and links.") int entries) {

    static ContextView of(Context context) {
      return new ContextView(context.digest, context.sizeBytes, context.entries);
    }
  }

  @POST
  @Consumes(MediaType.WILDCARD)
  @Operation(
      operationId = "uploadContext",
      summary = "Upload a context",
      description =
          "Takes a tar, tar.gz or tar.zst, whatever its Content-Type says. Refused are names that"
              + " lead out, links that lead out (absolute ones too), devices, pipes, sparse files,"
              + " names that are there twice, and archives that unpack to far more than was sent."
              + " Owners, times and special bits are dropped: they are no input.")
  @RequestBody(
      required = true,
      content =
          @Content(
              mediaType = "application/octet-stream",
              schema = @Schema(implementation = String.class, format = "binary")))
  @APIResponse(
      responseCode = "201",
      description = "Kept.",
      content = @Content(schema = @Schema(implementation = ContextView.class)))
  @APIResponse(
      responseCode = "200",
      description = "It was there already.",
      content = @Content(schema = @Schema(implementation = ContextView.class)))
  @APIResponse(responseCode = "400", ref = "#/components/responses/BadRequest")
  @APIResponse(responseCode = "413", ref = "#/components/responses/TooLarge")
  @APIResponse(responseCode = "503", ref = "#/components/responses/Unavailable")
  public Response upload(
      InputStream body,
      @Parameter(
              description = "Default: the token's project, or \"default\".",
              schema = @Schema(implementation = String.class))
          @QueryParam("project")
          @Nullable String project,
      @Parameter(hidden = true) @HeaderParam("Content-Length") @Nullable String length)
      throws IOException, SQLException {
    Caller caller = current.get();
    caller.require(Role.SUBMITTER);
    String owner = project(project, caller);
    if (!projects.exists(owner)) {
      throw ProblemException.notFound("project");
    }
    if (announced(length) > settings.maxBytes()) {
      throw tooLarge();
    }
    if (!places.tryAcquire()) {
      throw new ProblemException(
          ProblemType.UNAVAILABLE, "As many uploads as this server takes are running. Try again.");
    }
    try {
      return upload(body, owner, caller);
    } finally {
      places.release();
    }
  }

  private Response upload(InputStream body, String project, Caller caller)
      throws IOException, SQLException {
    java.nio.file.Path raw = temporary();
    java.nio.file.Path normal = temporary();
    try {
      String digest = receive(body, raw);
      Registry registry = candidates();
      String repository = "contexts/" + project;
      URI location = URI.create("/api/v1/contexts/" + digest + "?project=" + project);
      Optional<Context> before = contexts.find(project, digest);
      // A row whose artifact is gone is mended rather than believed.
      if (before.isPresent()
          && registry.resolve(repository, before.get().artifact).isPresent()) {
        return Response.ok(ContextView.of(before.get())).location(location).build();
      }
      Context context = new Context();
      context.project = project;
      context.digest = digest;
      context.principal = caller.principal();
      push(registry, repository, raw, normal, context);
      contexts.keep(context);
      return Response.created(location).entity(ContextView.of(context)).build();
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

  /** Layer and configuration first, then the manifest: what names them comes last. */
  private void push(Registry registry, String repository, Path raw, Path normal, Context context)
      throws IOException {
    ContextArchive.Normalised archived;
    try {
      archived = archive.normalise(raw, normal);
    } catch (InvalidArchive e) {
      String reason = e.getMessage();
      throw new ProblemException(
          ProblemType.INVALID_CONTEXT_ARCHIVE, reason == null ? "It cannot be read." : reason);
    }
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
                    Map.of("mediaType", CONFIG, "digest", configDigest, "size", config.length),
                    "layers",
                    List.of(
                        Map.of(
                            "mediaType",
                            LAYER,
                            "digest",
                            archived.digest(),
                            "size",
                            archived.size()))))
            .getBytes(StandardCharsets.UTF_8);
    String artifact = Digests.of(manifest);
    registry.pushBlob(repository, archived.digest(), normal);
    registry.pushBlob(repository, configDigest, config);
    registry.putManifest(
        repository, artifact, new Manifest(artifact, Manifest.OCI_MANIFEST, manifest));
    context.artifact = artifact;
    context.blob = archived.digest();
    context.sizeBytes = archived.size();
    context.entries = archived.entries();
  }

  @GET
  @Path("/{digest}")
  @Operation(
      operationId = "getContext",
      summary = "Is this context there?",
      description = "HEAD answers the same without a body: a client need not send what is there.")
  @APIResponse(
      responseCode = "200",
      description = "It is.",
      content = @Content(schema = @Schema(implementation = ContextView.class)))
  @APIResponse(responseCode = "404", ref = "#/components/responses/NotFound")
  public ContextView get(
      @PathParam("digest") String digest,
      @Parameter(
              description = "Default: the token's project, or \"default\".",
              schema = @Schema(implementation = String.class))
          @QueryParam("project")
          @Nullable String project) {
    String owner = project(project, current.get());
    return contexts
        .find(owner, digest)
        .map(ContextView::of)
        .orElseThrow(() -> ProblemException.notFound("context"));
  }

  private static String project(@Nullable String project, Caller caller) {
    String owner = project;
    if (owner == null) {
      owner = caller.project() == null ? "default" : caller.project();
    }
    caller.requireSight(owner, "project");
    if (Names.wrongWithProject(owner) != null) {
      throw ProblemException.notFound("project");
    }
    return owner;
  }

  private Registry candidates() {
    String url =
        registries
            .candidateUrl()
            .orElseThrow(
                () ->
                    new ProblemException(
                        ProblemType.UNAVAILABLE, "The farm has no candidate registry yet."));
    return clients.computeIfAbsent(url, key -> new Registry(URI.create(key)));
  }

  private java.nio.file.Path temporary() throws IOException {
    if (settings.directory().isPresent()) {
      Files.createDirectories(settings.directory().get());
      return Files.createTempFile(settings.directory().get(), "grange-context-", ".tmp");
    }
    return Files.createTempFile("grange-context-", ".tmp");
  }

  private static long announced(@Nullable String length) {
    try {
      return length == null ? -1 : Long.parseLong(length);
    } catch (NumberFormatException e) {
      return -1;
    }
  }

  private ProblemException tooLarge() {
    return new ProblemException(
            ProblemType.CONTEXT_TOO_LARGE,
            "A context has at most "
                + settings.maxBytes()
                + " bytes. Leave out what the build does not need: .containerignore.")
        // the rest of the body is not read
        .withHeader("Connection", "close");
  }
}
