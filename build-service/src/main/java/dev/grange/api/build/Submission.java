package dev.grange.api.build;

import dev.grange.domain.image.CanonicalJson;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/** What {@code POST /builds} takes, with every default filled in. */
@Schema(
    name = "Submission",
    description = "What is to be built. A field that is not listed here is refused.",
    requiredProperties = {"image", "containerfile"})
record Submission(
    @Schema(description = "Default: the token's project, or \"default\".", examples = "default")
        String project,
    @Schema(
            description = "Name within the project: no registry, no tag, lower case.",
            examples = "team/hello",
            maxLength = 180)
        String image,
    @Schema(description = "Tags at promotion.", defaultValue = "[\"latest\"]", maxItems = 50)
        List<String> tags,
    @Schema(
            description = "The text of the Containerfile.",
            examples = "FROM scratch\nCOPY hello /\n",
            maxLength = 1048576)
        String containerfile,
    @Schema(nullable = true, description = "Digest that POST /contexts answered.")
        @Nullable String context,
    @Schema(
            type = SchemaType.OBJECT,
            additionalProperties = String.class,
            description = "Values for ARG.",
            defaultValue = "{}")
        SortedMap<String, String> args,
    @Schema(
            type = SchemaType.OBJECT,
            additionalProperties = String.class,
            description = "Labels of the image.",
            defaultValue = "{}")
        SortedMap<String, String> labels,
    @Schema(
            nullable = true,
            description = "The stage to build, by name or number; the last one by default.")
        @Nullable String target,
    @Schema(
            description = "Default: the farm's own platform.",
            examples = "[\"linux/amd64\"]",
            minItems = 1,
            maxItems = 16)
        List<String> platforms,
    @Schema(
            description = "Higher goes first.",
            minimum = "-100",
            maximum = "100",
            defaultValue = "0")
        int priority,
    @Schema(
            description = "How long one attempt may take.",
            minimum = "1",
            maximum = "604800",
            defaultValue = "3600")
        int timeoutSeconds,
    @Schema(
            description = "How long it may wait for a slot.",
            minimum = "1",
            maximum = "2592000",
            defaultValue = "86400")
        int queueSeconds,
    @Schema(description = "Build only: no release, no promotion.", defaultValue = "false")
        boolean scratch,
    @Schema(nullable = true, description = "The only cluster that may build it. Default: any.")
        @Nullable String cluster,
    @Schema(
            type = SchemaType.OBJECT,
            additionalProperties = String.class,
            description = "Labels that the cluster must have.",
            defaultValue = "{}")
        SortedMap<String, String> clusterSelector) {

  Submission {
    tags = List.copyOf(tags);
    args = new TreeMap<>(args);
    labels = new TreeMap<>(labels);
    platforms = List.copyOf(platforms);
    clusterSelector = new TreeMap<>(clusterSelector);
  }

  /**
   * What tells a repeat from a misuse of an idempotency key: a default that is written out is the
   * same request as one that is not.
   */
  String fingerprint() {
    Map<String, @Nullable Object> members = new LinkedHashMap<>();
    members.put("project", project);
    members.put("image", image);
    members.put("tags", tags);
    members.put("containerfile", containerfile);
    members.put("context", context);
    members.put("args", args);
    members.put("labels", labels);
    members.put("target", target);
    members.put("platforms", platforms);
    members.put("priority", priority);
    members.put("timeout_seconds", timeoutSeconds);
    members.put("queue_seconds", queueSeconds);
    members.put("scratch", scratch);
    if (cluster != null) {
      members.put("cluster", cluster);
    }
    if (!clusterSelector.isEmpty()) {
      members.put("cluster_selector", clusterSelector);
    }
    return HexFormat.of().formatHex(CanonicalJson.sha256(members));
  }
}
