package dev.grange.api.context;

import dev.grange.api.access.Caller;
import dev.grange.api.access.CurrentCaller;
import dev.grange.api.access.Role;
import dev.grange.api.problem.ProblemException;
import dev.grange.domain.image.Names;
import dev.grange.store.api.Context;
import dev.grange.store.api.Contexts;
import dev.grange.store.api.Projects;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.HeaderParam;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.sql.SQLException;
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
  private final CurrentCaller current;
  private final Projects projects;
  private final Contexts contexts;
  private final ContextIntake intake;

  ContextsResource(
      CurrentCaller current, Projects projects, Contexts contexts, ContextIntake intake) {
    this.current = current;
    this.projects = projects;
    this.contexts = contexts;
    this.intake = intake;
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
    ContextIntake.Taken taken = intake.take(body, announced(length), owner, caller.principal());
    URI location = URI.create("/api/v1/contexts/" + taken.context().digest + "?project=" + owner);
    return Response.status(taken.created() ? 201 : 200)
        .location(location)
        .entity(ContextView.of(taken.context()))
        .build();
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

  private static long announced(@Nullable String length) {
    try {
      return length == null ? -1 : Long.parseLong(length);
    } catch (NumberFormatException e) {
      return -1;
    }
  }
}
