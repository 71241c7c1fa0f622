package dev.grange.cli.build;

import com.fasterxml.jackson.databind.JsonNode;
import dev.grange.cli.farm.ExitCode;
import dev.grange.cli.farm.Json;
import java.util.Optional;

/** How far a build is watched. */
public enum Goal {
  BUILT,
  PROMOTED;

  /**
   * The exit status when the goal is reached or out of reach; empty while the build is on its way.
   */
  public Optional<ExitCode> verdict(JsonNode build) {
    return switch (Json.text(build, "state")) {
      case "FAILED" -> Optional.of(ofFault(Json.text(build.path("failure"), "fault")));
      case "CANCELLED" -> Optional.of(ExitCode.CANCELLED);
      case "SUCCEEDED" -> this == BUILT ? Optional.of(ExitCode.OK) : promotion(build);
      default -> Optional.empty();
    };
  }

  private static ExitCode ofFault(String fault) {
    return switch (fault) {
      case "USER" -> ExitCode.BUILD_FAILED;
      case "CONFIG" -> ExitCode.CONFIGURATION;
      default -> ExitCode.FARM_FAILED;
    };
  }

  private static Optional<ExitCode> promotion(JsonNode build) {
    return switch (Json.text(build.path("release"), "state")) {
      case "PROMOTED" -> Optional.of(ExitCode.OK);
      case "BLOCKED" -> Optional.of(ExitCode.BLOCKED);
      case "WITHDRAWN" -> Optional.of(ExitCode.CANCELLED);
      // A scratch build has nothing to promote, and never will.
      default ->
          build.path("final").asBoolean() ? Optional.of(ExitCode.CONFIGURATION) : Optional.empty();
    };
  }
}
