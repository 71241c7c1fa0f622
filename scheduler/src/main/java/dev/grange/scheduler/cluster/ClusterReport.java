package dev.grange.scheduler.cluster;

import java.util.List;
import java.util.Map;

/**
 * What a look at a cluster found.
 *
 * @param ok whether work can be placed there: nothing has failed
 * @param findings in the order in which they were looked at
 * @param features what the cluster and its worker image can do, such as {@code buildah} with its
 *     version
 */
public record ClusterReport(boolean ok, List<Finding> findings, Map<String, String> features) {

  public ClusterReport {
    findings = List.copyOf(findings);
    features = Map.copyOf(features);
  }

  /** A report that is ok unless something has failed. */
  public static ClusterReport of(List<Finding> findings, Map<String, String> features) {
    boolean ok = findings.stream().noneMatch(finding -> finding.status() == Status.FAILED);
    return new ClusterReport(ok, findings, features);
  }

  /** How one check ended. */
  public enum Status {
    OK,
    /** Work can be placed, and something should be mended. */
    WARNING,
    /** Work cannot be placed until this is mended. */
    FAILED,
    /** It could not be looked at, because something before it has failed. */
    NOT_DONE
  }

  /**
   * One check.
   *
   * @param check its name, the same in every report of the kind
   * @param message for people: what was seen, and the next step when it is not as it should be
   */
  public record Finding(String check, Status status, String message) {}
}
