package dev.grange.api.farm;

import dev.grange.api.problem.Problem;
import jakarta.ws.rs.core.Application;
import jakarta.ws.rs.core.MediaType;
import org.eclipse.microprofile.openapi.annotations.Components;
import org.eclipse.microprofile.openapi.annotations.OpenAPIDefinition;
import org.eclipse.microprofile.openapi.annotations.headers.Header;
import org.eclipse.microprofile.openapi.annotations.info.Info;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.ExampleObject;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.security.SecurityRequirement;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;

/** The parts of the API's document that belong to no single route. */
@OpenAPIDefinition(
    info = @Info(title = "Grange", version = "1"),
    security = @SecurityRequirement(name = "bearer"),
    tags = {
      @Tag(name = "Builds", description = "What is built, from submission to log."),
      @Tag(name = "Contexts", description = "Files that builds are made from."),
      @Tag(name = "Releases", description = "From candidate to stable."),
      @Tag(name = "Requests", description = "Commands and their answers."),
      @Tag(name = "Clusters", description = "Where workers run.")
    },
    components =
        @Components(
            responses = {
              @APIResponse(
                  name = "Accepted",
                  description = "Written down; the farm answers the request.",
                  headers =
                      @Header(name = "Location", schema = @Schema(implementation = String.class)),
                  content =
                      @Content(
                          mediaType = MediaType.APPLICATION_JSON,
                          schema = @Schema(implementation = Accepted.class))),
              @APIResponse(
                  name = "BadRequest",
                  description =
                      "malformed-json, unknown-field, invalid-field, invalid-image, invalid-tag,"
                          + " invalid-containerfile, invalid-context-archive, invalid-parameter or"
                          + " invalid-cursor.",
                  content =
                      @Content(
                          mediaType = Problem.MEDIA_TYPE,
                          schema = @Schema(implementation = Problem.class),
                          examples =
                              @ExampleObject(
                                  name = "containerfile",
                                  value =
                                      "{\"type\":\"/problems/invalid-containerfile\",\"title\":\"The"
                                          + " Containerfile cannot be"
                                          + " read\",\"status\":400,\"detail\":\"Line 1: Unknown"
                                          + " instruction"
                                          + " \\\"FORM\\\".\",\"instance\":\"/api/v1/builds\","
                                          + "\"code\":\"invalid-containerfile\",\"retryable\":false,\"errors\":[{\"detail\":\"Line"
                                          + " 1: Unknown instruction \\\"FORM\\\".\","
                                          + "\"pointer\":\"/containerfile\"}]}"))),
              @APIResponse(
                  name = "Unauthenticated",
                  description = "unauthenticated: no token, or one that is not valid.",
                  content =
                      @Content(
                          mediaType = Problem.MEDIA_TYPE,
                          schema = @Schema(implementation = Problem.class))),
              @APIResponse(
                  name = "Forbidden",
                  description = "forbidden: the token has not the role.",
                  content =
                      @Content(
                          mediaType = Problem.MEDIA_TYPE,
                          schema = @Schema(implementation = Problem.class))),
              @APIResponse(
                  name = "NotFound",
                  description = "not-found: it is not there, or the token may not see it.",
                  content =
                      @Content(
                          mediaType = Problem.MEDIA_TYPE,
                          schema = @Schema(implementation = Problem.class))),
              @APIResponse(
                  name = "Conflict",
                  description = "already-finished, or not-finished.",
                  content =
                      @Content(
                          mediaType = Problem.MEDIA_TYPE,
                          schema = @Schema(implementation = Problem.class))),
              @APIResponse(
                  name = "PreconditionFailed",
                  description = "precondition-failed: If-Match or If-None-Match does not hold.",
                  content =
                      @Content(
                          mediaType = Problem.MEDIA_TYPE,
                          schema = @Schema(implementation = Problem.class))),
              @APIResponse(
                  name = "TooLarge",
                  description = "context-too-large.",
                  content =
                      @Content(
                          mediaType = Problem.MEDIA_TYPE,
                          schema = @Schema(implementation = Problem.class))),
              @APIResponse(
                  name = "NoRange",
                  description = "range-not-satisfiable: the log has not as many bytes.",
                  content =
                      @Content(
                          mediaType = Problem.MEDIA_TYPE,
                          schema = @Schema(implementation = Problem.class))),
              @APIResponse(
                  name = "KeyReused",
                  description = "idempotency-key-reused: the key belongs to another request.",
                  content =
                      @Content(
                          mediaType = Problem.MEDIA_TYPE,
                          schema = @Schema(implementation = Problem.class))),
              @APIResponse(
                  name = "Unavailable",
                  description = "unavailable: database or registry does not answer. Retry-After.",
                  content =
                      @Content(
                          mediaType = Problem.MEDIA_TYPE,
                          schema = @Schema(implementation = Problem.class)))
            }))
public class OpenApiResponses extends Application {}
