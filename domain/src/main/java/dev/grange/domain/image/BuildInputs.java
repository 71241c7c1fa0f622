package dev.grange.domain.image;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Everything that decides what comes out of one platform's build. Two executions with the same
 * inputs are the same work; nothing goes into an image that is not here, so neither a build's id
 * nor its timeouts are.
 *
 * @param context digest of the normalised context, null for a build without one
 * @param options what else changes the result, such as {@code format}; empty for the defaults
 */
public record BuildInputs(
    String containerfile,
    @Nullable String context,
    Map<String, String> args,
    Map<String, String> labels,
    @Nullable String target,
    String platform,
    Map<String, String> options) {

  public BuildInputs {
    args = Map.copyOf(args);
    labels = Map.copyOf(labels);
    options = Map.copyOf(options);
  }

  /** {@code sha256:} and the hash over the canonical JSON of these inputs. */
  public String digest() {
    Map<String, @Nullable Object> members = new LinkedHashMap<>();
    // raised when the meaning of an input changes, so that old results are not taken for new ones
    members.put("version", 1);
    members.put("containerfile", containerfile);
    members.put("context", context);
    members.put("args", args);
    members.put("labels", labels);
    members.put("target", target);
    members.put("platform", platform);
    members.put("options", options);
    return CanonicalJson.digest(members);
  }
}
