package dev.grange.domain.worker;

import java.util.SortedMap;
import org.jspecify.annotations.Nullable;

/**
 * What is built: all of it is an input, and nothing else reaches the image.
 *
 * @param platform such as {@code linux/amd64}
 * @param target the stage to stop at
 * @param timeoutSeconds of the build step
 * @param contextArtifact the manifest of the context in the candidate registry; null when there is
 *     no context
 * @param contextBlob the digest of its one layer, a tar.gz
 */
public record BuildInputs(
    String project,
    String platform,
    String containerfile,
    SortedMap<String, String> args,
    SortedMap<String, String> labels,
    @Nullable String target,
    int timeoutSeconds,
    @Nullable String contextArtifact,
    @Nullable String contextBlob) {}
