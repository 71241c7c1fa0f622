package dev.grange.api.event;

import com.fasterxml.jackson.annotation.JsonRawValue;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.grange.api.build.BuildAccess;
import dev.grange.api.build.BuildWatch;
import dev.grange.api.stream.EventStream;
import dev.grange.store.api.Builds;
import dev.grange.store.api.Facts;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.io.IOException;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.enums.ParameterIn;
import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.Parameter;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jspecify.annotations.Nullable;

/** What was told of a build: the same events that go to Kafka. */
@Path("/api/v1/builds/{id}/events")
@RunOnVirtualThread
@Tag(name = "Builds")
public class EventsResource {
  private final BuildAccess access;
  private final Builds builds;
  private final Facts facts;
  private final BuildWatch watch;
  private final ObjectMapper json;

  EventsResource(
      BuildAccess access, Builds builds, Facts facts, BuildWatch watch, ObjectMapper json) {
    this.access = access;
    this.builds = builds;
    this.facts = facts;
    this.watch = watch;
    this.json = json;
  }

  /** All events of a build so far. */
  @Schema(name = "EventList")
  public record EventList(List<EventView> items) {}

  /** One event. */
  @Schema(name = "Event")
  public record EventView(
      @Schema(description = "The same in Kafka: ce_id.") String id,
      @Schema(examples = "dev.cdevents.build.queued.0.3.0") String type,
      String subject,
      Instant createdAt,
      @Schema(nullable = true, description = "When Kafka had it; null until then.")
          @Nullable Instant publishedAt,
      @Schema(type = SchemaType.OBJECT, description = "The whole CDEvent.") @JsonRawValue
          String event) {

    static EventView of(Facts.Fact fact) {
      return new EventView(
          fact.id(),
          fact.type(),
          fact.subject(),
          fact.createdAt(),
          fact.publishedAt(),
          fact.payload());
    }
  }

  @GET
  @Operation(
      operationId = "listEvents",
      summary = "List or follow a build's events",
      description =
          "As JSON: all events so far, in order. As `text/event-stream`: the same one by one as"
              + " they come about, id = event id; `Last-Event-ID` resumes; `event: end` comes when"
              + " the build's release is final and everything is in Kafka.")
  @Parameter(
      name = "Last-Event-ID",
      in = ParameterIn.HEADER,
      schema = @Schema(implementation = String.class))
  @APIResponse(
      responseCode = "200",
      description = "The events.",
      content = {
        @Content(
            mediaType = MediaType.APPLICATION_JSON,
            schema = @Schema(implementation = EventList.class)),
        @Content(mediaType = "text/event-stream", schema = @Schema(implementation = String.class))
      })
  @APIResponse(responseCode = "404", ref = "#/components/responses/NotFound")
  public Response list(@PathParam("id") String id, @Context HttpHeaders headers)
      throws SQLException {
    UUID build = BuildAccess.id(id, "build");
    access.status(build);
    if (EventStream.isWanted(headers.getRequestHeader("Accept"))) {
      String last = headers.getHeaderString("Last-Event-ID");
      return EventStream.response(stream -> follow(stream, build, last));
    }
    List<EventView> items = facts.ofBuild(build).stream().map(EventView::of).toList();
    return Response.ok(new EventList(items), MediaType.APPLICATION_JSON).build();
  }

  private void follow(EventStream stream, UUID build, @Nullable String lastEventId)
      throws IOException, SQLException, InterruptedException {
    try (BuildWatch.Watch hints = watch.open(build)) {
      long seen = -1;
      boolean resuming = lastEventId != null;
      Duration publishing = Duration.ofSeconds(1);
      while (!hints.isOver()) {
        boolean isFinal = builds.status(build).map(Builds.Status::isFinal).orElse(true);
        List<Facts.Fact> all = facts.ofBuild(build);
        if (resuming) {
          seen =
              all.stream()
                  .filter(fact -> fact.id().equals(lastEventId))
                  .mapToLong(Facts.Fact::order)
                  .findFirst()
                  .orElse(seen);
          resuming = false;
        }
        for (Facts.Fact fact : all) {
          if (fact.order() > seen) {
            stream.event(null, fact.id(), json.writeValueAsString(EventView.of(fact)));
            seen = fact.order();
          }
        }
        boolean published = all.stream().allMatch(fact -> fact.publishedAt() != null);
        if (isFinal && published) {
          stream.end();
          return;
        }
        if (isFinal) {
          // Only the relay is missing, and it says nothing of single events: look with growing
          // pauses.
          stream.await(hints, publishing);
          publishing = publishing.multipliedBy(2);
          if (publishing.compareTo(BuildWatch.LOOK) > 0) {
            publishing = BuildWatch.LOOK;
          }
        } else {
          stream.await(hints, BuildWatch.LOOK);
        }
      }
    }
  }
}
