package dev.grange.events;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What every event about a release says of it.
 *
 * @param id of the release
 * @param buildId orders the release's events: it is their key
 * @param project it belongs to
 * @param image the name that the build asked for
 * @param digest of the candidate
 * @param policy that decides on it, if there is one
 * @param policyVersion which version of that policy
 */
public record ReleaseFacts(
    UUID id,
    UUID buildId,
    String project,
    String image,
    String digest,
    @Nullable String policy,
    @Nullable Integer policyVersion) {

  void writeTo(ObjectNode customData) {
    ObjectNode release =
        customData
            .putObject("release")
            .put("id", id.toString())
            .put("build_id", buildId.toString())
            .put("project", project)
            .put("image", image)
            .put("digest", digest);
    CdEvent.orNull(release, "policy", policy);
    release.put("policy_version", policyVersion);
  }
}
