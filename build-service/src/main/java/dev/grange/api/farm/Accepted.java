package dev.grange.api.farm;

import jakarta.ws.rs.core.Response;
import java.net.URI;
import java.util.UUID;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

/** A command that was written down. */
@Schema(name = "Accepted")
public record Accepted(@Schema(description = "GET /requests/{id} has the answer.") UUID requestId) {

  /** Answers a command that is now a request. */
  public static Response as(UUID request) {
    return Response.accepted(new Accepted(request))
        .location(URI.create("/api/v1/requests/" + request))
        .build();
  }
}
