package dev.grange.api.build;

import dev.grange.api.access.Caller;
import dev.grange.api.access.CurrentCaller;
import dev.grange.api.access.Role;
import dev.grange.api.problem.ProblemException;
import dev.grange.store.api.CommandRequest;
import dev.grange.store.api.Requests;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.time.Instant;
import java.util.UUID;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jspecify.annotations.Nullable;

/** Commands that were written down, and what the farm answered. */
@Path("/api/v1/requests")
@Produces(MediaType.APPLICATION_JSON)
@RunOnVirtualThread
@Tag(name = "Requests")
public class RequestsResource {
  private final Requests requests;
  private final CurrentCaller current;

  RequestsResource(Requests requests, CurrentCaller current) {
    this.requests = requests;
    this.current = current;
  }

  /** A command and its answer. */
  @Schema(name = "Request")
  public record RequestView(
      UUID id,
      @Schema(examples = "cancel") String command,
      @Schema(description = "What it is about; for a build its id.") String target,
      String principal,
      @Schema(nullable = true) @Nullable Instant createdAt,
      @Schema(
              nullable = true,
              enumeration = {"DONE", "REFUSED"})
          @Nullable String answer,
      @Schema(nullable = true) @Nullable String answerText) {}

  @GET
  @Path("/{id}")
  @Operation(operationId = "getRequest", summary = "Show what became of a command")
  @APIResponse(responseCode = "200", description = "The command; answer is null while it is open.")
  @APIResponse(responseCode = "404", ref = "#/components/responses/NotFound")
  public RequestView get(@PathParam("id") String id) {
    CommandRequest request =
        requests
            .find(BuildAccess.id(id, "request"))
            .orElseThrow(() -> ProblemException.notFound("request"));
    Caller caller = current.get();
    if (request.project != null) {
      caller.requireSight(request.project, "request");
    } else if (!caller.has(Role.OPERATOR)) {
      throw ProblemException.notFound("request");
    }
    return new RequestView(
        request.id,
        request.command,
        request.target,
        request.principal,
        request.createdAt,
        request.answer,
        request.answerText);
  }
}
