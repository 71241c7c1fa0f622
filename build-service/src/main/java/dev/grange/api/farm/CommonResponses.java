package dev.grange.api.farm;

import io.quarkus.smallrye.openapi.OpenApiFilter;
import org.eclipse.microprofile.openapi.OASFactory;
import org.eclipse.microprofile.openapi.OASFilter;
import org.eclipse.microprofile.openapi.models.Operation;

/** What every route may answer is said of every route, and written down once. */
@OpenApiFilter(stages = OpenApiFilter.RunStage.BUILD)
public class CommonResponses implements OASFilter {
  @Override
  public Operation filterOperation(Operation operation) {
    add(operation, "401", "Unauthenticated");
    if (operation.getRequestBody() != null || operation.getResponses().hasAPIResponse("202")) {
      add(operation, "403", "Forbidden");
    }
    add(operation, "503", "Unavailable");
    return operation;
  }

  private static void add(Operation operation, String status, String name) {
    if (!operation.getResponses().hasAPIResponse(status)) {
      operation
          .getResponses()
          .addAPIResponse(
              status, OASFactory.createAPIResponse().ref("#/components/responses/" + name));
    }
  }
}
