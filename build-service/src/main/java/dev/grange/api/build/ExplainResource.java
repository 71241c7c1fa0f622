package dev.grange.api.build;

import com.fasterxml.jackson.annotation.JsonRawValue;
import dev.grange.api.access.CurrentCaller;
import dev.grange.api.problem.ProblemException;
import dev.grange.domain.placement.Placement;
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
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
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
      @Schema(nullable = true) @Nullable String node,
      @Schema(nullable = true) @Nullable String reason,
      @Schema(nullable = true) @Nullable String message,
      @Schema(type = SchemaType.OBJECT, description = "What each cluster said.") @JsonRawValue
          String clusters,
      @Schema(nullable = true, description = "Where it stands, while it waits.")
          @Nullable Waiting waiting) {}

  /** Where something stands in the queue. */
  @Schema(name = "PlaceInQueue")
  public record Waiting(
      @Schema(description = "Since it was submitted, or came back to the queue.") double seconds,
      @Schema(description = "When it has waited for too long, and ends.") Instant deadline,
      @Schema(description = "Goes first within its project.") int priority,
      @Schema(nullable = true, description = "The only cluster that may have it.")
          @Nullable String pinnedTo,
      @Schema(type = SchemaType.OBJECT, description = "Labels that the cluster must have.")
          @JsonRawValue
          String clusterSelector,
      String project,
      @Schema(description = "The project's part of the slots, compared with other projects.")
          int weight,
      @Schema(description = "What goes before it: of its project, for the same clusters.")
          long ahead,
      @Schema(description = "All of its project that waits for the same clusters.") long waiting,
      @Schema(description = "Slots that its project has for the platform.") long projectSlots,
      @Schema(description = "Slots that all projects have for the platform.") long allSlots,
      @Schema(nullable = true, description = "Since when it is so.") @Nullable Instant decidedAt,
      @Schema(description = "Clusters where it failed lately: taken last.") List<String> takenLast,
      @Schema(description = "Nodes that keep failing: new workers are kept away from them.")
          List<AvoidedNode> avoidedNodes,
      @Schema(nullable = true, description = "What would change it.") @Nullable String remedy) {}

  /** A node that keeps failing what runs on it. */
  @Schema(name = "AvoidedNode")
  public record AvoidedNode(
      String cluster,
      String node,
      @Schema(description = "In a row.") int failures,
      @Schema(description = "Of the last one.", examples = "PushFailed") String reason,
      Instant until) {}

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
    List<PlatformExplanation> platforms = new ArrayList<>();
    for (Placements.Placement placement : placements.ofBuild(key)) {
      platforms.add(explain(key, placement));
    }
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
          new Explanation(build.state(), "Built", releaseMessage(key, build), clusters, platforms);
      default -> {
        if (waiting != null) {
          yield new Explanation(
              build.state(),
              Objects.requireNonNullElse(waiting.reason(), ""),
              Objects.requireNonNullElse(waiting.message(), ""),
              clusters,
              platforms);
        }
        String where =
            platforms.stream()
                .map(PlatformExplanation::message)
                .filter(Objects::nonNull)
                .collect(Collectors.joining("; "));
        yield new Explanation(
            build.state(),
            "Running",
            where.isEmpty() ? "Every platform is built; the index is being made." : where + ".",
            clusters,
            platforms);
      }
    };
  }

  private String releaseMessage(UUID id, BuildView build) throws SQLException {
    BuildView.Release release = build.release();
    if (release == null) {
      return build.scratch() ? "A scratch build stays a candidate." : "Its release opens.";
    }
    return switch (release.state()) {
      case "TESTING" -> {
        String waits = placements.waitingTest(id);
        yield waits == null
            ? "The candidate is being tested."
            : "A test of it waits: " + waits + ".";
      }
      case "BLOCKED" -> "The policy holds the candidate back: see the release's decision.";
      case "PROMOTING" -> "The candidate is on its way to the stable registries.";
      case "PROMOTED" -> "It is in the stable registries.";
      case "WITHDRAWN" -> "Its release was withdrawn.";
      default -> "Its release is " + release.state() + ".";
    };
  }

  private PlatformExplanation explain(UUID build, Placements.Placement p) throws SQLException {
    return switch (p.state()) {
      case "QUEUED" -> queued(build, p);
      case "RUNNING" -> running(p);
      default -> explanation(p, null, null, null);
    };
  }

  private PlatformExplanation queued(UUID build, Placements.Placement p) throws SQLException {
    String reason = p.reason();
    String message = p.message();
    String remedy = null;
    if (p.notBefore() != null) {
      reason = "Backoff";
      message =
          "the last try, on %s, ended as %s; the next is not before %s"
              .formatted(
                  p.cluster(), p.attemptReason(), p.notBefore().truncatedTo(ChronoUnit.SECONDS));
      remedy = "time: it is tried again by itself";
    } else if (reason == null) {
      reason = "NotYetConsidered";
      message = "the scheduler has not looked at it yet";
      remedy = "a moment; if this lasts, the scheduler is not running";
    } else {
      Placement.Wait wait = Placement.Wait.ofCode(reason);
      remedy = wait == null ? null : wait.remedy();
    }
    Placements.Place place = placements.place(build, p.platform());
    if (place == null) {
      return explanation(p, reason, message, null);
    }
    List<AvoidedNode> nodes = new ArrayList<>();
    placements
        .avoidedNodes()
        .forEach(
            (cluster, avoided) ->
                avoided.forEach(
                    one ->
                        nodes.add(
                            new AvoidedNode(
                                cluster, one.node(), one.failures(), one.reason(), one.until()))));
    return explanation(
        p,
        reason,
        message,
        new Waiting(
            p.waited(),
            p.deadline(),
            p.priority(),
            p.pinned(),
            p.wants(),
            p.project(),
            p.weight(),
            place.ahead(),
            place.waiting(),
            place.running(),
            place.total(),
            p.decidedAt(),
            p.refused(),
            nodes,
            remedy));
  }

  private static PlatformExplanation running(Placements.Placement p) {
    String where = p.node() == null ? p.cluster() : p.cluster() + ", node " + p.node();
    return switch (String.valueOf(p.attemptState())) {
      case "ASSIGNED", "PREPARED" ->
          explanation(
              p,
              "Starting",
              "%s has had a slot on %s for %d s, and its worker has not begun"
                  .formatted(p.platform(), where, (long) p.assignedFor()),
              null);
      default -> explanation(p, "Running", p.platform() + " is being built on " + where, null);
    };
  }

  private static PlatformExplanation explanation(
      Placements.Placement p,
      @Nullable String reason,
      @Nullable String message,
      @Nullable Waiting waiting) {
    return new PlatformExplanation(
        p.platform(),
        p.state(),
        p.cluster(),
        p.node(),
        reason,
        message,
        p.clusters() == null ? "{}" : p.clusters(),
        waiting);
  }
}
