package dev.grange.api.build;

import com.fasterxml.jackson.annotation.JsonRawValue;
import dev.grange.api.access.CurrentCaller;
import dev.grange.api.problem.ProblemException;
import dev.grange.store.api.BuildView;
import dev.grange.store.api.Builds;
import dev.grange.store.api.Placements;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.sql.SQLException;
import java.util.List;
import java.util.UUID;
import java.util.stream.Collectors;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jspecify.annotations.Nullable;

/** Why a build is where it is. */
@Path("/api/v1/builds/{id}/explain")
@Produces(MediaType.APPLICATION_JSON)
@RunOnVirtualThread
@Tag(name = "Builds")
public class ExplainResource {
  private final Builds builds;
  private final Placements placements;
  private final CurrentCaller caller;

  ExplainResource(Builds builds, Placements placements, CurrentCaller caller) {
    this.builds = builds;
    this.placements = placements;
    this.caller = caller;
  }

  /** Why a build is where it is. */
  @Schema(name = "Explanation")
  public record Explanation(
      String state,
      @Schema(examples = "NoFreeSlot") String reason,
      @Schema(description = "In a sentence.") String message,
      @Schema(
              type = SchemaType.OBJECT,
              description = "For each cluster, why it did not take what waits.")
          @JsonRawValue
          String clusters,
      List<PlatformExplanation> platforms) {}

  /** The same for one platform. */
  @Schema(name = "PlatformExplanation")
  public record PlatformExplanation(
      String platform,
      String state,
      @Schema(nullable = true) @Nullable String cluster,
      @Schema(nullable = true) @Nullable String reason,
      @Schema(nullable = true) @Nullable String message,
      @Schema(type = SchemaType.OBJECT) @JsonRawValue String clusters) {}

  @GET
  @Operation(
      operationId = "explainBuild",
      summary = "Why is it not built yet?",
      description = "Says why a build waits, where it runs, or why it ended as it did.")
  @APIResponse(responseCode = "200", description = "The explanation.")
  @APIResponse(responseCode = "404", ref = "#/components/responses/NotFound")
  public Explanation explain(@PathParam("id") String id) throws SQLException {
    UUID key = BuildAccess.id(id, "build");
    BuildView build = builds.find(key).orElseThrow(() -> ProblemException.notFound("build"));
    caller.get().requireSight(build.project(), "build");
    List<PlatformExplanation> platforms =
        placements.ofBuild(key).stream().map(ExplainResource::explain).toList();
    PlatformExplanation waiting =
        platforms.stream().filter(p -> p.state().equals("QUEUED")).findFirst().orElse(null);
    String clusters = waiting == null ? "{}" : waiting.clusters();
    return switch (build.state()) {
      case "FAILED" -> {
        BuildView.Failure failure = build.failure();
        yield new Explanation(
            build.state(),
            failure == null ? "Failed" : failure.reason(),
            failure == null ? "The build failed." : failure.message(),
            clusters,
            platforms);
      }
      case "CANCELLED" ->
          new Explanation(
              build.state(), "Cancelled", "Somebody asked for its end.", clusters, platforms);
      case "SUCCEEDED" ->
          new Explanation(build.state(), "Built", releaseMessage(build), clusters, platforms);
      default -> {
        if (waiting != null) {
          yield new Explanation(
              build.state(),
              waiting.reason() == null ? "NotYetConsidered" : waiting.reason(),
              waiting.message() == null ? "" : waiting.message(),
              clusters,
              platforms);
        }
        String where =
            platforms.stream()
                .map(p -> p.platform() + " on " + p.cluster())
                .collect(Collectors.joining(", "));
        yield new Explanation(
            build.state(), "Running", "It is being built: " + where + ".", clusters, platforms);
      }
    };
  }

  private static String releaseMessage(BuildView build) {
    BuildView.Release release = build.release();
    if (release == null) {
      return build.scratch() ? "A scratch build stays a candidate." : "Its release opens.";
    }
    return switch (release.state()) {
      case "TESTING" -> "The candidate is being tested.";
      case "BLOCKED" -> "The policy holds the candidate back: see the release's decision.";
      case "PROMOTING" -> "The candidate is on its way to the stable registries.";
      case "PROMOTED" -> "It is in the stable registries.";
      case "WITHDRAWN" -> "Its release was withdrawn.";
      default -> "Its release is " + release.state() + ".";
    };
  }

  private static PlatformExplanation explain(Placements.Placement p) {
    String reason = p.reason();
    String message = p.message();
    if (p.state().equals("QUEUED") && reason == null) {
      if (p.notBefore() != null && p.cluster() != null) {
        reason = "Backoff";
        message =
            "The last try failed for the farm's own reasons; the next is not before "
                + p.notBefore()
                + ".";
      } else {
        reason = "NotYetConsidered";
        message =
            "The scheduler has not looked at it yet. If that lasts, the scheduler is not running.";
      }
    }
    return new PlatformExplanation(
        p.platform(),
        p.state(),
        p.cluster(),
        reason,
        message,
        p.clusters() == null ? "{}" : p.clusters());
  }
}
