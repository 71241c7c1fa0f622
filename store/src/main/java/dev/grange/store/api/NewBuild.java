package dev.grange.store.api;

import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A submission that has been validated.
 *
 * @param context digest of the uploaded bytes
 * @param args a JSON object
 * @param labels a JSON object
 * @param clusterSelector labels that the cluster must have, a JSON object
 */
public record NewBuild(
    String project,
    String image,
    List<String> tags,
    String containerfile,
    @Nullable String context,
    String args,
    String labels,
    @Nullable String target,
    List<Execution> executions,
    int priority,
    int timeoutSeconds,
    int queueSeconds,
    boolean scratch,
    @Nullable String cluster,
    String clusterSelector,
    String principal,
    @Nullable UUID retryOf) {

  /** What is to be run for one platform. */
  public record Execution(String platform, String inputDigest) {}

  /**
   * What makes a repeat recognisable.
   *
   * @param key as the caller chose it; it belongs to the principal
   * @param body hexadecimal SHA-256 over the canonical form of what was asked for
   */
  public record Key(String key, String body) {}

  /** What became of it. */
  public sealed interface Outcome {
    /**
     * There is a build.
     *
     * @param created false when an earlier submission with the same key had made it
     */
    record Accepted(UUID id, boolean created) implements Outcome {}

    /** The key was used before with another body. */
    record KeyReused() implements Outcome {}
  }

  List<String> platforms() {
    return executions.stream().map(Execution::platform).toList();
  }
}
