package dev.grange.api.log;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.grange.api.build.BuildAccess;
import dev.grange.api.build.BuildWatch;
import dev.grange.api.problem.ProblemException;
import dev.grange.api.problem.ProblemType;
import dev.grange.api.stream.EventStream;
import dev.grange.store.api.Builds;
import dev.grange.store.api.Logs;
import dev.grange.store.api.Logs.AttemptLog;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.core.StreamingOutput;
import java.io.IOException;
import java.io.OutputStream;
import java.sql.SQLException;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.enums.ParameterIn;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.Parameter;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jspecify.annotations.Nullable;

/** What workers said. */
@Path("/api/v1/builds/{id}/log")
@RunOnVirtualThread
@Tag(name = "Builds")
public class LogResource {
  private static final String TEXT = "text/plain; charset=utf-8";

  private final BuildAccess access;
  private final Builds builds;
  private final Logs logs;
  private final BuildWatch watch;
  private final ObjectMapper json;

  LogResource(BuildAccess access, Builds builds, Logs logs, BuildWatch watch, ObjectMapper json) {
    this.access = access;
    this.builds = builds;
    this.logs = logs;
    this.watch = watch;
    this.json = json;
  }

  @GET
  @Operation(
      operationId = "getLog",
      summary = "Read a build's log",
      description =
          "As text: what is there now of every attempt, each once, builds before tests, in the"
              + " order in which they were assigned; with `attempt` one attempt's alone, whose"
              + " offsets never change. As `text/event-stream`: the same as it grows, one attempt"
              + " after the other; each event's id is `<attempt>:<next offset>`, its data the JSON"
              + " object `{attempt, kind, offset, text}`; `Last-Event-ID` resumes after any of"
              + " them, and `event: end` says that nothing more comes.")
  @Parameter(
      name = "Range",
      in = ParameterIn.HEADER,
      description = "One range of bytes: bytes=a-, bytes=a-b or bytes=-n.",
      schema = @Schema(implementation = String.class))
  @Parameter(
      name = "Last-Event-ID",
      in = ParameterIn.HEADER,
      schema = @Schema(implementation = String.class))
  @APIResponse(
      responseCode = "200",
      description = "The log.",
      content = {
        @Content(mediaType = "text/plain", schema = @Schema(implementation = String.class)),
        @Content(mediaType = "text/event-stream", schema = @Schema(implementation = String.class))
      })
  @APIResponse(
      responseCode = "206",
      description = "The range.",
      content = @Content(mediaType = "text/plain", schema = @Schema(implementation = String.class)))
  @APIResponse(responseCode = "404", ref = "#/components/responses/NotFound")
  @APIResponse(responseCode = "416", ref = "#/components/responses/NoRange")
  public Response log(
      @PathParam("id") String id,
      @Parameter(
              description = "Only this attempt.",
              schema = @Schema(implementation = String.class, format = "uuid"))
          @QueryParam("attempt")
          @Nullable String attempt,
      @Parameter(
              description = "Only builds, or only tests.",
              schema =
                  @Schema(
                      implementation = String.class,
                      enumeration = {"build", "test"}))
          @QueryParam("kind")
          @Nullable String kind,
      @Context HttpHeaders headers)
      throws SQLException {
    UUID build = BuildAccess.id(id, "build");
    access.status(build);
    Selection selection = Selection.of(attempt, kind);
    List<AttemptLog> attempts = selection.of(logs.attempts(build));
    if (selection.attempt() != null && attempts.isEmpty()) {
      throw ProblemException.notFound("attempt of this build");
    }
    if (EventStream.isWanted(headers.getRequestHeader("Accept"))) {
      return EventStream.response(
          new LogStream(
              build,
              selection,
              builds,
              logs,
              watch,
              json,
              headers.getHeaderString("Last-Event-ID")));
    }
    return text(attempts, headers.getHeaderString("Range"));
  }

  private Response text(List<AttemptLog> attempts, @Nullable String header) {
    long size = attempts.stream().mapToLong(AttemptLog::bytes).sum();
    ByteRange range = ByteRange.of(header, size);
    if (ByteRange.UNSATISFIABLE.equals(range)) {
      throw new ProblemException(
              ProblemType.RANGE_NOT_SATISFIABLE,
              "The log has " + size + " bytes now. Ask again later, or for less.")
          .withHeader("Content-Range", "bytes */" + size)
          .withHeader("Accept-Ranges", "bytes");
    }
    ByteRange part = range == null ? new ByteRange(0, size) : range;
    StreamingOutput body = out -> copy(attempts, part, out);
    Response.ResponseBuilder response =
        Response.status(range == null ? 200 : 206)
            .entity(body)
            .type(TEXT)
            .header("Accept-Ranges", "bytes")
            .header("Content-Length", part.length())
            .header("Cache-Control", "no-store");
    if (range != null) {
      response.header(
          "Content-Range", "bytes " + part.first() + "-" + (part.end() - 1) + "/" + size);
    }
    return response.build();
  }

  /** Chunk by chunk: a log may be larger than the memory. */
  private void copy(List<AttemptLog> attempts, ByteRange part, OutputStream out)
      throws IOException {
    long start = 0;
    for (AttemptLog attempt : attempts) {
      long from = Math.max(0, part.first() - start);
      long to = Math.min(attempt.bytes(), part.end() - start);
      while (from < to) {
        byte[] bytes = read(attempt.id(), from);
        if (bytes.length == 0) {
          throw new IOException("a log is shorter than it was");
        }
        int length = (int) Math.min(bytes.length, to - from);
        out.write(bytes, 0, length);
        from += length;
      }
      start += attempt.bytes();
    }
  }

  private byte[] read(UUID attempt, long from) throws IOException {
    try {
      return logs.read(attempt, from);
    } catch (SQLException e) {
      throw new IOException("log not read", e);
    }
  }

  /** Which of a build's attempts are wanted. */
  record Selection(@Nullable UUID attempt, @Nullable String kind) {

    static Selection of(@Nullable String attempt, @Nullable String kind) {
      if (kind != null && !kind.equals("build") && !kind.equals("test")) {
        throw new ProblemException(ProblemType.INVALID_PARAMETER, "kind is build or test.");
      }
      return new Selection(
          attempt == null ? null : BuildAccess.id(attempt, "attempt of this build"),
          kind == null ? null : kind.toUpperCase(Locale.ROOT));
    }

    List<AttemptLog> of(List<AttemptLog> all) {
      return all.stream()
          .filter(a -> attempt == null || attempt.equals(a.id()))
          .filter(a -> kind == null || kind.equals(a.kind()))
          .toList();
    }
  }
}
