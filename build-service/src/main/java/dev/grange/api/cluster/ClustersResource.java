package dev.grange.api.cluster;

import dev.grange.api.access.Caller;
import dev.grange.api.access.CurrentCaller;
import dev.grange.api.access.Role;
import dev.grange.api.farm.Accepted;
import dev.grange.api.problem.Problem;
import dev.grange.api.problem.ProblemException;
import dev.grange.api.problem.ProblemType;
import dev.grange.store.Hints;
import dev.grange.store.api.Clusters;
import dev.grange.store.api.Clusters.ClusterView;
import dev.grange.store.api.Clusters.Condition;
import dev.grange.store.api.Clusters.Registered;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.PUT;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.sql.SQLException;
import java.util.List;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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

/** Where workers run: what is registered, and what is to be done with it. */
@Path("/api/v1/clusters")
@Produces(MediaType.APPLICATION_JSON)
@RunOnVirtualThread
@Tag(name = "Clusters")
public class ClustersResource {
  private static final int HISTORY = 50;
  private static final Pattern VERSION = Pattern.compile("\"([0-9]{1,18})\"");

  private final Clusters clusters;
  private final ClusterReader reader;
  private final CurrentCaller current;
  private final Hints hints;

  ClustersResource(Clusters clusters, ClusterReader reader, CurrentCaller current, Hints hints) {
    this.clusters = clusters;
    this.reader = reader;
    this.current = current;
    this.hints = hints;
  }

  /** All clusters. */
  @Schema(name = "ClusterList")
  public record ClusterList(List<ClusterView> items) {}

  /** What was done to a cluster. */
  @Schema(name = "ClusterRequestList")
  public record ClusterRequestList(List<Clusters.Past> items) {}

  /** What came of a registration. */
  @Schema(name = "ClusterRegistered")
  public record ClusterRegistered(
      @Schema(enumeration = {"created", "changed", "unchanged"}) String outcome,
      @Schema(
              nullable = true,
              description =
                  "GET /requests/{id} says when the cluster has been checked; null when nothing"
                      + " changed that a check looks at.")
          @Nullable UUID requestId,
      ClusterView cluster) {}

  @GET
  @Operation(
      operationId = "listClusters",
      summary = "List clusters",
      description =
          "All clusters by name, with the slots that are held. Errors, reports and configuration"
              + " are shown to operators only: they may name hosts.")
  public ClusterList list() throws SQLException {
    return new ClusterList(clusters.all().stream().map(this::seen).toList());
  }

  private ClusterView seen(ClusterView cluster) {
    return current.get().has(Role.OPERATOR) ? cluster : cluster.forEverybody();
  }

  @GET
  @Path("/{name}")
  @Operation(operationId = "getCluster", summary = "Show a cluster")
  @APIResponse(
      responseCode = "200",
      description = "The cluster; its ETag is for If-Match of a PUT.",
      headers = @Header(name = "ETag", schema = @Schema(implementation = String.class)),
      content = @Content(schema = @Schema(implementation = ClusterView.class)))
  @APIResponse(responseCode = "404", ref = "#/components/responses/NotFound")
  public Response get(@PathParam("name") String name) throws SQLException {
    ClusterView cluster = find(name);
    return Response.ok(seen(cluster)).header("ETag", etag(cluster)).build();
  }

  private ClusterView find(String name) throws SQLException {
    return clusters.find(name).orElseThrow(() -> ProblemException.notFound("cluster"));
  }

  private static String etag(ClusterView cluster) {
    return "\"" + cluster.version() + "\"";
  }

  @PUT
  @Path("/{name}")
  @Consumes(MediaType.APPLICATION_JSON)
  @Operation(
      operationId = "registerCluster",
      summary = "Register a cluster, or change what is registered",
      description =
          "The body is all there is to it: what it leaves out has its default. The same again"
              + " changes nothing. A new cluster takes work when its first check has passed. A"
              + " removed one may be registered again. Credentials are named, never sent.")
  @Parameter(
      name = "If-Match",
      in = ParameterIn.HEADER,
      description = "The ETag that GET answered: nothing is written if somebody was faster.",
      schema = @Schema(implementation = String.class))
  @Parameter(
      name = "If-None-Match",
      in = ParameterIn.HEADER,
      description = "*: only if there is none of that name.",
      schema = @Schema(implementation = String.class))
  @RequestBody(
      required = true,
      content =
          @Content(
              mediaType = MediaType.APPLICATION_JSON,
              schema = @Schema(implementation = ClusterRegistration.class),
              examples =
                  @ExampleObject(
                      name = "east",
                      value =
                          "{\"slots\":8,\"platforms\":[\"linux/amd64\"],\"config\":{\"credential\":"
                              + "{\"kubeconfig_file\":\"/etc/grange/clusters/east.kubeconfig\"},"
                              + "\"worker_image\":\"registry.example.com/grange/worker:1\"}}")))
  @APIResponse(
      responseCode = "200",
      description = "Changed, or unchanged.",
      headers = @Header(name = "ETag", schema = @Schema(implementation = String.class)),
      content = @Content(schema = @Schema(implementation = ClusterRegistered.class)))
  @APIResponse(
      responseCode = "201",
      description = "Created.",
      headers = {
        @Header(name = "ETag", schema = @Schema(implementation = String.class)),
        @Header(name = "Location", schema = @Schema(implementation = String.class))
      },
      content = @Content(schema = @Schema(implementation = ClusterRegistered.class)))
  @APIResponse(responseCode = "400", ref = "#/components/responses/BadRequest")
  @APIResponse(responseCode = "412", ref = "#/components/responses/PreconditionFailed")
  public Response put(
      @PathParam("name") String name, InputStream body, @Context HttpHeaders headers)
      throws IOException, SQLException {
    Caller caller = operator();
    Condition condition = condition(headers);
    Registered registered =
        clusters.register(reader.registration(name, body), condition, caller.principal());
    return switch (registered) {
      case Registered.Done done -> done(done);
      case Registered.Exists _ ->
          throw new ProblemException(
              ProblemType.PRECONDITION_FAILED,
              "There is a cluster of that name already. Leave out If-None-Match to change it.");
      case Registered.Stale stale ->
          throw new ProblemException(
              ProblemType.PRECONDITION_FAILED,
              stale.version() == null
                  ? "There is no cluster of that name. Leave out If-Match to register it."
                  : "It was changed meanwhile: it has the ETag \""
                      + stale.version()
                      + "\" now. Read it again, and decide.");
      case Registered.Leaving _ ->
          throw new ProblemException(
              ProblemType.NOT_FINISHED,
              "Its removal was asked for and is not answered yet. Register it when it is.");
      case Registered.Occupied occupied ->
          throw new ProblemException(
              ProblemType.NOT_FINISHED,
              "Pods of "
                  + occupied.pods()
                  + " attempts are in its namespace or are kept there; at another server, namespace"
                  + " or context nobody would look after them. Drain it, wait until the kept ones"
                  + " are gone, or register the other place by a name of its own.");
      case Registered.OtherKind other -> {
        String detail =
            "This cluster is of the kind \""
                + other.kind()
                + "\", which never changes. Remove it first, or take another name.";
        throw new ProblemException(
            ProblemType.INVALID_FIELD, detail, List.of(new Problem.Detail(detail, "/kind")));
      }
    };
  }

  private Response done(Registered.Done done) {
    if (!done.outcome().equals("unchanged")) {
      hints.send(Hints.QUEUE);
    }
    ClusterView cluster = done.cluster();
    Response.ResponseBuilder response =
        done.outcome().equals("created")
            ? Response.created(URI.create("/api/v1/clusters/" + cluster.name()))
            : Response.ok();
    return response
        .entity(new ClusterRegistered(done.outcome(), done.check(), cluster))
        .header("ETag", etag(cluster))
        .build();
  }

  private static Condition condition(HttpHeaders headers) {
    String none = headers.getHeaderString("If-None-Match");
    if (none != null) {
      if (!none.strip().equals("*") || headers.getHeaderString("If-Match") != null) {
        throw new ProblemException(
            ProblemType.INVALID_PARAMETER, "If-None-Match takes \"*\" here, and stands alone.");
      }
      return new Condition(null, true);
    }
    String match = headers.getHeaderString("If-Match");
    if (match == null) {
      return Condition.NONE;
    }
    Matcher version = VERSION.matcher(match.strip());
    if (!version.matches()) {
      throw new ProblemException(
          ProblemType.INVALID_PARAMETER,
          "If-Match takes one ETag as GET answered it, with its quotes.");
    }
    return new Condition(Long.valueOf(version.group(1)), false);
  }

  @DELETE
  @Path("/{name}")
  @Operation(
      operationId = "removeCluster",
      summary = "Remove a cluster",
      description =
          "Refused by the scheduler while attempts are on it: drain it first. What it has built"
              + " stays; the name may be registered again.")
  @APIResponse(responseCode = "202", ref = "#/components/responses/Accepted")
  @APIResponse(responseCode = "400", ref = "#/components/responses/BadRequest")
  @APIResponse(responseCode = "404", ref = "#/components/responses/NotFound")
  public Response remove(
      @PathParam("name") String name,
      @Parameter(
              description = "Why, at most 1000 characters.",
              schema = @Schema(implementation = String.class))
          @QueryParam("note")
          @Nullable String note)
      throws SQLException {
    Caller caller = operator();
    return accept(name, "remove", ClusterReader.ofNote(note), caller);
  }

  @POST
  @Path("/{name}/cordon")
  @Operation(
      operationId = "cordonCluster",
      summary = "Give a cluster no new work",
      description = "What runs goes on. A drain that was begun is called off.")
  @RequestBody(
      content = @Content(schema = @Schema(implementation = ClusterRegistration.Command.class)))
  @APIResponse(responseCode = "202", ref = "#/components/responses/Accepted")
  @APIResponse(responseCode = "400", ref = "#/components/responses/BadRequest")
  @APIResponse(responseCode = "404", ref = "#/components/responses/NotFound")
  public Response cordon(@PathParam("name") String name, InputStream body)
      throws IOException, SQLException {
    return accept(name, "cordon", body);
  }

  @POST
  @Path("/{name}/drain")
  @Operation(
      operationId = "drainCluster",
      summary = "Empty a cluster",
      description =
          "No new work; what runs may end, or is interrupted at once (now) or after a while"
              + " (timeout_seconds). What is interrupted costs no try and moves elsewhere. The"
              + " cluster's drained_at says when it is empty.")
  @RequestBody(
      content = @Content(schema = @Schema(implementation = ClusterRegistration.Command.class)))
  @APIResponse(responseCode = "202", ref = "#/components/responses/Accepted")
  @APIResponse(responseCode = "400", ref = "#/components/responses/BadRequest")
  @APIResponse(responseCode = "404", ref = "#/components/responses/NotFound")
  public Response drain(@PathParam("name") String name, InputStream body)
      throws IOException, SQLException {
    return accept(name, "drain", body);
  }

  @POST
  @Path("/{name}/uncordon")
  @Operation(operationId = "uncordonCluster", summary = "Let a cluster take work again")
  @RequestBody(
      content = @Content(schema = @Schema(implementation = ClusterRegistration.Command.class)))
  @APIResponse(responseCode = "202", ref = "#/components/responses/Accepted")
  @APIResponse(responseCode = "400", ref = "#/components/responses/BadRequest")
  @APIResponse(responseCode = "404", ref = "#/components/responses/NotFound")
  public Response uncordon(@PathParam("name") String name, InputStream body)
      throws IOException, SQLException {
    return accept(name, "uncordon", body);
  }

  @POST
  @Path("/{name}/check")
  @Operation(
      operationId = "checkCluster",
      summary = "Look whether a cluster can do what it should",
      description =
          "The scheduler looks at the cluster's API, at its rights there, and runs a probe. When"
              + " the request is answered, the cluster's report has the findings. Asking while a"
              + " check is open finds that one.")
  @APIResponse(responseCode = "202", ref = "#/components/responses/Accepted")
  @APIResponse(responseCode = "404", ref = "#/components/responses/NotFound")
  public Response check(@PathParam("name") String name) throws SQLException {
    return accept(name, "check", "{}", operator());
  }

  @GET
  @Path("/{name}/requests")
  @Operation(
      operationId = "listClusterRequests",
      summary = "Who did what to a cluster",
      description = "The newest 50 commands with their answers. For operators only.")
  @APIResponse(responseCode = "200", description = "Newest first.")
  @APIResponse(responseCode = "403", ref = "#/components/responses/Forbidden")
  @APIResponse(responseCode = "404", ref = "#/components/responses/NotFound")
  public ClusterRequestList requests(@PathParam("name") String name) throws SQLException {
    operator();
    return new ClusterRequestList(clusters.history(find(name).name(), HISTORY));
  }

  private Response accept(String name, String command, InputStream body)
      throws IOException, SQLException {
    Caller caller = operator();
    return accept(name, command, reader.arguments(command, body), caller);
  }

  private Response accept(String name, String command, String arguments, Caller caller)
      throws SQLException {
    UUID request =
        clusters
            .command(name, command, caller.principal(), arguments)
            .orElseThrow(() -> ProblemException.notFound("cluster"));
    hints.send(Hints.QUEUE);
    return Accepted.as(request);
  }

  private Caller operator() {
    Caller caller = current.get();
    caller.require(Role.OPERATOR);
    return caller;
  }
}
