package dev.grange.api.farm;

import dev.grange.api.access.CurrentCaller;
import dev.grange.api.access.Role;
import dev.grange.store.api.Clusters;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.sql.SQLException;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;

/** Where workers run. */
@Path("/api/v1/clusters")
@Produces(MediaType.APPLICATION_JSON)
@RunOnVirtualThread
@Tag(name = "Clusters")
public class ClustersResource {
  private final Clusters clusters;
  private final CurrentCaller caller;

  ClustersResource(Clusters clusters, CurrentCaller caller) {
    this.clusters = clusters;
    this.caller = caller;
  }

  /** All clusters. */
  @Schema(name = "ClusterList")
  public record ClusterList(List<Clusters.ClusterView> items) {}

  @GET
  @Operation(
      operationId = "listClusters",
      summary = "List clusters",
      description =
          "All clusters by name, with the slots that are held. Errors are shown to operators only:"
              + " they may name hosts.")
  public ClusterList list() throws SQLException {
    boolean operator = caller.get().has(Role.OPERATOR);
    return new ClusterList(
        clusters.all().stream()
            .map(cluster -> operator ? cluster : cluster.withoutError())
            .toList());
  }
}
