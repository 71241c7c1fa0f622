package dev.grange.scheduler.cluster;

import dev.grange.domain.worker.Job;
import java.util.Map;
import java.util.Set;

/**
 * The pod that an attempt is to have.
 *
 * @param podName derived from the attempt
 * @param job what its worker runs
 * @param labels what it is found by: {@link #FARM}, {@link #BUILD}, {@link #ATTEMPT}, {@link
 *     #PROJECT}, {@link #KIND}
 * @param avoidNodes nodes that it should not go to, if another can take it
 * @param runSeconds how long it may run, all steps together
 */
public record PodRequest(
    String podName, Job job, Map<String, String> labels, Set<String> avoidNodes, int runSeconds) {

  /** The farm's name: selects all that the farm made. */
  public static final String FARM = "grange.dev/farm";

  public static final String BUILD = "grange.dev/build";
  public static final String ATTEMPT = "grange.dev/attempt";
  public static final String PROJECT = "grange.dev/project";

  /** {@code build} or {@code test}. */
  public static final String KIND = "grange.dev/kind";
}
