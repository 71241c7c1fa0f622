package dev.grange.api.build;

import dev.grange.api.access.CurrentCaller;
import dev.grange.api.problem.ProblemException;
import dev.grange.store.api.BuildView;
import dev.grange.store.api.Builds;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.sql.SQLException;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;

/** Releases by their own ids. */
@Path("/api/v1/releases")
@Produces(MediaType.APPLICATION_JSON)
@RunOnVirtualThread
@Tag(name = "Releases")
public class ReleasesResource {
  private final Builds builds;
  private final CurrentCaller caller;

  ReleasesResource(Builds builds, CurrentCaller caller) {
    this.builds = builds;
    this.caller = caller;
  }

  @GET
  @Path("/{id}")
  @Operation(
      operationId = "getRelease",
      summary = "Show a release",
      description = "The way of a candidate: its tests, the policy's decision, its targets.")
  @APIResponse(responseCode = "200", description = "The release.")
  @APIResponse(responseCode = "404", ref = "#/components/responses/NotFound")
  public BuildView.Release get(@PathParam("id") String id) throws SQLException {
    BuildView.Release release =
        builds
            .release(BuildAccess.id(id, "release"))
            .orElseThrow(() -> ProblemException.notFound("release"));
    caller.get().requireSight(release.project(), "release");
    return release;
  }
}
