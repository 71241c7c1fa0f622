package dev.grange.api.build;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.grange.api.access.Caller;
import dev.grange.api.access.CurrentCaller;
import dev.grange.api.access.Role;
import dev.grange.api.farm.Accepted;
import dev.grange.api.farm.FarmSettings;
import dev.grange.api.problem.Problem;
import dev.grange.api.problem.ProblemException;
import dev.grange.api.problem.ProblemType;
import dev.grange.domain.image.BuildInputs;
import dev.grange.domain.image.CanonicalJson;
import dev.grange.store.Hints;
import dev.grange.store.api.BuildView;
import dev.grange.store.api.Builds;
import dev.grange.store.api.Ids;
import dev.grange.store.api.NewBuild;
import dev.grange.store.api.Requests;
import dev.grange.store.api.Submissions;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.core.UriInfo;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Predicate;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.enums.ParameterIn;
import org.eclipse.microprofile.openapi.annotations.headers.Header;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.ExampleObject;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.Parameter;
import org.eclipse.microprofile.openapi.annotations.parameters.RequestBody;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jspecify.annotations.Nullable;

/** Builds: what people submit, and what became of it. */
@Path("/api/v1/builds")
@Produces(MediaType.APPLICATION_JSON)
@RunOnVirtualThread
@Tag(name = "Builds")
public class BuildsResource {
  private static final int DEFAULT_LIMIT = 50;
  private static final int MAX_LIMIT = 200;
  private static final List<String> STATES =
      List.of("QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED");
  private static final TypeReference<TreeMap<String, String>> TEXTS = new TypeReference<>() {};

  private final CurrentCaller current;
  private final SubmissionReader reader;
  private final Submissions submissions;
  private final Builds builds;
  private final BuildAccess access;
  private final Requests requests;
  private final Ids ids;
  private final Hints hints;
  private final BuildWatch watch;
  private final BuildSettings settings;
  private final FarmSettings farm;
  private final ObjectMapper json;

  BuildsResource(
      CurrentCaller current,
      SubmissionReader reader,
      Submissions submissions,
      Builds builds,
      BuildAccess access,
      Requests requests,
      Ids ids,
      Hints hints,
      BuildWatch watch,
      BuildSettings settings,
      FarmSettings farm,
      ObjectMapper json) {
    this.current = current;
    this.reader = reader;
    this.submissions = submissions;
    this.builds = builds;
    this.access = access;
    this.requests = requests;
    this.ids = ids;
    this.hints = hints;
    this.watch = watch;
    this.settings = settings;
    this.farm = farm;
    this.json = json;
  }

  /** A page of builds. */
  @Schema(name = "BuildList")
  public record BuildList(
      List<BuildView> items,
      @Schema(nullable = true, description = "For the parameter cursor; null on the last page.")
          @Nullable String nextCursor) {}

  @POST
  @Consumes(MediaType.APPLICATION_JSON)
  @Operation(
      operationId = "submitBuild",
      summary = "Submit a build",
      description =
          "Validates the submission, writes it down and answers at once; the farm does the rest."
              + " With an Idempotency-Key a repeat finds the same build, however often and however"
              + " concurrently it comes; the key belongs to the principal and is kept as long as"
              + " the build.")
  @RequestBody(
      required = true,
      content =
          @Content(
              mediaType = MediaType.APPLICATION_JSON,
              schema = @Schema(implementation = Submission.class),
              examples =
                  @ExampleObject(
                      name = "hello",
                      value =
                          "{\"image\":\"hello\",\"tags\":[\"1.0\"],\"containerfile\":\"FROM"
                              + " scratch\\n"
                              + "COPY hello /\\n"
                              + "\",\"context\":\"sha256:9f86d081884c7d659a2feaa0c55ad0"
                              + "15a3bf4f1b2b0b822cd15d6c15b0f00a08\"}")))
  @Parameter(
      name = "Idempotency-Key",
      in = ParameterIn.HEADER,
      description = "1 to 255 printable ASCII characters, quoted or not.",
      schema = @Schema(implementation = String.class))
  @Parameter(
      name = "Prefer",
      in = ParameterIn.HEADER,
      description = "wait=N: answer when the build has ended, or after N seconds.",
      schema = @Schema(implementation = String.class))
  @APIResponse(
      responseCode = "202",
      description = "Written down. A repeat with the same key gets the same build.",
      headers = @Header(name = "Location", schema = @Schema(implementation = String.class)),
      content = @Content(schema = @Schema(implementation = BuildView.class)))
  @APIResponse(responseCode = "400", ref = "#/components/responses/BadRequest")
  @APIResponse(responseCode = "422", ref = "#/components/responses/KeyReused")
  public Response submit(InputStream body, @Context HttpHeaders headers)
      throws IOException, SQLException, InterruptedException {
    Caller caller = current.get();
    caller.require(Role.SUBMITTER);
    String key = IdempotencyKey.of(headers);
    Submission submission = reader.read(body, caller);
    caller.requireSight(submission.project(), "project");
    Submissions.Surroundings surroundings =
        submissions.surroundings(submission.project(), submission.context(), submission.cluster());
    if (!surroundings.projectExists()) {
      throw ProblemException.notFound("project");
    }
    if (submission.context() != null && surroundings.contextBlob() == null) {
      String detail = "The project has no such context. Upload it first: POST /api/v1/contexts.";
      throw new ProblemException(
          ProblemType.INVALID_FIELD, detail, List.of(new Problem.Detail(detail, "/context")));
    }
    if (!surroundings.clusterExists()) {
      String detail = "The farm has no such cluster. GET /api/v1/clusters lists those it has.";
      throw new ProblemException(
          ProblemType.INVALID_FIELD, detail, List.of(new Problem.Detail(detail, "/cluster")));
    }
    List<NewBuild.Execution> executions =
        executions(
            submission.platforms(),
            submission.containerfile(),
            surroundings.contextBlob(),
            submission.args(),
            submission.labels(),
            submission.target());
    NewBuild build =
        new NewBuild(
            submission.project(),
            submission.image(),
            submission.tags(),
            submission.containerfile(),
            submission.context(),
            CanonicalJson.write(submission.args()),
            CanonicalJson.write(submission.labels()),
            submission.target(),
            executions,
            submission.priority(),
            submission.timeoutSeconds(),
            submission.queueSeconds(),
            submission.scratch(),
            submission.cluster(),
            CanonicalJson.write(submission.clusterSelector()),
            caller.principal(),
            null);
    return accept(
        build, key == null ? null : new NewBuild.Key(key, submission.fingerprint()), headers);
  }

  @GET
  @Operation(
      operationId = "listBuilds",
      summary = "List builds",
      description = "Newest first. A token that is bound to a project sees that project's builds.")
  @APIResponse(
      responseCode = "200",
      description = "A page.",
      headers =
          @Header(
              name = "Link",
              description = "rel=\"next\" when there is a next page.",
              schema = @Schema(implementation = String.class)),
      content = @Content(schema = @Schema(implementation = BuildList.class)))
  @APIResponse(responseCode = "400", ref = "#/components/responses/BadRequest")
  public Response list(
      @Parameter(
              description = "One or more states, separated by commas.",
              examples = @ExampleObject(name = "open", value = "QUEUED,RUNNING"),
              schema = @Schema(implementation = String.class))
          @QueryParam("status")
          @Nullable String status,
      @Parameter(schema = @Schema(implementation = String.class)) @QueryParam("project")
          @Nullable String project,
      @Parameter(schema = @Schema(implementation = String.class)) @QueryParam("image")
          @Nullable String image,
      @Parameter(
              description = "1 to 200.",
              schema = @Schema(implementation = Integer.class, defaultValue = "50"))
          @QueryParam("limit")
          @Nullable String limit,
      @Parameter(
              description = "next_cursor of the page before.",
              schema = @Schema(implementation = String.class))
          @QueryParam("cursor")
          @Nullable String cursor,
      @Context UriInfo uri)
      throws SQLException {
    Caller caller = current.get();
    if (project != null) {
      caller.requireSight(project, "project");
    }
    String seen = project == null ? caller.project() : project;
    List<String> states = states(status);
    int size = limit(limit);
    String list = Cursor.list(seen, image, states);
    Builds.Position after = cursor == null ? null : Cursor.read(cursor, list);
    List<BuildView> found = builds.page(new Builds.Query(seen, image, states, after, size + 1));
    if (found.size() <= size) {
      return Response.ok(new BuildList(found, null)).build();
    }
    List<BuildView> page = found.subList(0, size);
    BuildView last = page.getLast();
    String next = Cursor.write(new Builds.Position(last.createdAt(), last.id()), list);
    String link =
        uri.getRequestUriBuilder().replaceQueryParam("cursor", next).build().getRawQuery();
    return Response.ok(new BuildList(page, next))
        .header("Link", "</api/v1/builds?" + link + ">; rel=\"next\"")
        .build();
  }

  @GET
  @Path("/{id}")
  @Operation(
      operationId = "getBuild",
      summary = "Show a build",
      description =
          "With `Prefer: wait=N` the answer comes when a state in it differs from what it was when"
              + " the request came, at once when the build is final, and after N seconds at the"
              + " latest.")
  @Parameter(
      name = "Prefer",
      in = ParameterIn.HEADER,
      description = "wait=N, in seconds.",
      schema = @Schema(implementation = String.class))
  @APIResponse(
      responseCode = "200",
      description = "The build.",
      content = @Content(schema = @Schema(implementation = BuildView.class)))
  @APIResponse(responseCode = "404", ref = "#/components/responses/NotFound")
  public Response get(@PathParam("id") String id, @Context HttpHeaders headers)
      throws SQLException, InterruptedException {
    UUID build = BuildAccess.id(id, "build");
    Duration wait = wait(headers);
    if (!wait.isZero()) {
      Builds.Status before;
      try (BuildWatch.Watch waiting = watch.open(build)) {
        before = access.status(build);
        await(waiting, build, before, wait, now -> now.isFinal() || !now.equals(before));
      }
    }
    BuildView view = builds.find(build).orElseThrow(() -> ProblemException.notFound("build"));
    current.get().requireSight(view.project(), "build");
    Response.ResponseBuilder response = Response.ok(view);
    if (!wait.isZero()) {
      response.header("Preference-Applied", "wait=" + wait.toSeconds());
    }
    return response.build();
  }

  @POST
  @Path("/{id}/cancel")
  @Operation(
      operationId = "cancelBuild",
      summary = "Cancel a build",
      description =
          "Asks for the end of a build. A build that has succeeded and whose release is not yet"
              + " promoted has its release withdrawn instead.")
  @APIResponse(responseCode = "202", ref = "#/components/responses/Accepted")
  @APIResponse(responseCode = "404", ref = "#/components/responses/NotFound")
  @APIResponse(responseCode = "409", ref = "#/components/responses/Conflict")
  public Response cancel(@PathParam("id") String id) throws SQLException {
    UUID build = BuildAccess.id(id, "build");
    Builds.Status status = access.status(build);
    Caller caller = current.get();
    caller.require(Role.SUBMITTER);
    if (!status.canBeCancelled()) {
      throw new ProblemException(
          ProblemType.ALREADY_FINISHED,
          "The build has ended and nothing of it can be withdrawn. There is nothing to do.");
    }
    UUID request = requests.cancel(ids.next(), build, status.project(), caller.principal());
    hints.send(Hints.QUEUE, Hints.build(build));
    return Accepted.as(request);
  }

  @POST
  @Path("/{id}/retry")
  @Operation(
      operationId = "retryBuild",
      summary = "Build the same again",
      description =
          "Makes a new build of what an ended one was asked for, with `retry_of`. Takes an"
              + " Idempotency-Key as a submission does.")
  @Parameter(
      name = "Idempotency-Key",
      in = ParameterIn.HEADER,
      schema = @Schema(implementation = String.class))
  @APIResponse(
      responseCode = "202",
      description = "The new build.",
      headers = @Header(name = "Location", schema = @Schema(implementation = String.class)),
      content = @Content(schema = @Schema(implementation = BuildView.class)))
  @APIResponse(responseCode = "404", ref = "#/components/responses/NotFound")
  @APIResponse(responseCode = "409", ref = "#/components/responses/Conflict")
  @APIResponse(responseCode = "422", ref = "#/components/responses/KeyReused")
  public Response retry(@PathParam("id") String id, @Context HttpHeaders headers)
      throws IOException, SQLException, InterruptedException {
    UUID old = BuildAccess.id(id, "build");
    String key = IdempotencyKey.of(headers);
    Caller caller = current.get();
    Submissions.Asked asked =
        submissions.asked(old).orElseThrow(() -> ProblemException.notFound("build"));
    caller.requireSight(asked.project(), "build");
    caller.require(Role.SUBMITTER);
    if (asked.state().equals("QUEUED") || asked.state().equals("RUNNING")) {
      throw new ProblemException(
          ProblemType.NOT_FINISHED, "Wait for the build's end, or cancel it first.");
    }
    List<NewBuild.Execution> executions =
        executions(
            asked.platforms(),
            asked.containerfile(),
            asked.contextBlob(),
            json.readValue(asked.args(), TEXTS),
            json.readValue(asked.labels(), TEXTS),
            asked.target());
    NewBuild build =
        new NewBuild(
            asked.project(),
            asked.image(),
            asked.tags(),
            asked.containerfile(),
            asked.context(),
            asked.args(),
            asked.labels(),
            asked.target(),
            executions,
            asked.priority(),
            asked.timeoutSeconds(),
            asked.queueSeconds(),
            asked.scratch(),
            asked.cluster(),
            asked.clusterSelector(),
            caller.principal(),
            old);
    String body =
        HexFormat.of().formatHex(CanonicalJson.sha256(Map.of("retry_of", old.toString())));
    return accept(build, key == null ? null : new NewBuild.Key(key, body), headers);
  }

  private Response accept(NewBuild build, NewBuild.@Nullable Key key, HttpHeaders headers)
      throws SQLException, InterruptedException {
    NewBuild.Outcome outcome = submissions.submit(build, key, farm.name());
    return switch (outcome) {
      case NewBuild.Outcome.KeyReused reused ->
          throw new ProblemException(
              ProblemType.IDEMPOTENCY_KEY_REUSED,
              "This Idempotency-Key belongs to another request. Use a new key for a new request.");
      case NewBuild.Outcome.Accepted accepted -> {
        UUID id = accepted.id();
        if (accepted.created()) {
          hints.send(Hints.QUEUE, Hints.build(id));
        }
        Duration wait = wait(headers);
        if (!wait.isZero()) {
          try (BuildWatch.Watch waiting = watch.open(id)) {
            await(waiting, id, access.status(id), wait, Builds.Status::isFinished);
          }
        }
        BuildView view = builds.find(id).orElseThrow(() -> ProblemException.notFound("build"));
        Response.ResponseBuilder response =
            Response.accepted(view).location(URI.create("/api/v1/builds/" + id));
        if (!wait.isZero()) {
          response.header("Preference-Applied", "wait=" + wait.toSeconds());
        }
        yield response.build();
      }
    };
  }

  /** Looks again at every hint, until the condition holds or the time is up. */
  private void await(
      BuildWatch.Watch waiting,
      UUID build,
      Builds.Status first,
      Duration wait,
      Predicate<Builds.Status> until)
      throws SQLException, InterruptedException {
    long deadline = System.nanoTime() + wait.toNanos();
    Builds.Status now = first;
    while (!until.test(now) && !waiting.isOver()) {
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        return;
      }
      waiting.await(Duration.ofNanos(Math.min(left, BuildWatch.LOOK.toNanos())));
      now = access.status(build);
    }
  }

  private Duration wait(HttpHeaders headers) {
    return Prefer.waitFor(
        headers.getRequestHeader("Prefer") == null ? List.of() : headers.getRequestHeader("Prefer"),
        settings.maxWait());
  }

  private static List<NewBuild.Execution> executions(
      List<String> platforms,
      String containerfile,
      @Nullable String contextBlob,
      SortedMap<String, String> args,
      SortedMap<String, String> labels,
      @Nullable String target) {
    return platforms.stream()
        .map(
            platform ->
                new NewBuild.Execution(
                    platform,
                    new BuildInputs(
                            containerfile, contextBlob, args, labels, target, platform, Map.of())
                        .digest()))
        .toList();
  }

  private static List<String> states(@Nullable String status) {
    if (status == null || status.isBlank()) {
      return List.of();
    }
    List<String> states =
        Arrays.stream(status.split(",", -1))
            .map(state -> state.strip().toUpperCase(Locale.ROOT))
            .distinct()
            .sorted()
            .toList();
    if (!STATES.containsAll(states)) {
      throw new ProblemException(
          ProblemType.INVALID_PARAMETER,
          "status takes " + String.join(", ", STATES) + ", separated by commas.");
    }
    return states;
  }

  private static int limit(@Nullable String limit) {
    if (limit == null) {
      return DEFAULT_LIMIT;
    }
    try {
      int size = Integer.parseInt(limit);
      if (size >= 1 && size <= MAX_LIMIT) {
        return size;
      }
    } catch (NumberFormatException e) {
      throw wrongLimit();
    }
    throw wrongLimit();
  }

  private static ProblemException wrongLimit() {
    return new ProblemException(
        ProblemType.INVALID_PARAMETER, "limit is a whole number from 1 to " + MAX_LIMIT + ".");
  }
}
