package dev.grange.events;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What every event about a build says of it.
 *
 * @param id orders the build's events: it is their key
 * @param project it belongs to
 * @param image the name that was asked for
 * @param tags that were asked for
 * @param platforms such as {@code linux/amd64}
 * @param principal who submitted it
 * @param scratch whether it stays a candidate for ever
 * @param retryOf the build that it repeats
 */
public record BuildFacts(
    UUID id,
    String project,
    String image,
    List<String> tags,
    List<String> platforms,
    String principal,
    boolean scratch,
    @Nullable UUID retryOf) {

  public BuildFacts {
    tags = List.copyOf(tags);
    platforms = List.copyOf(platforms);
  }

  void writeTo(ObjectNode customData) {
    ObjectNode build = customData.putObject("build");
    build.put("id", id.toString()).put("project", project).put("image", image);
    CdEvent.strings(build, "tags", tags);
    CdEvent.strings(build, "platforms", platforms);
    build.put("principal", principal).put("scratch", scratch);
    CdEvent.orNull(build, "retry_of", retryOf);
  }
}
