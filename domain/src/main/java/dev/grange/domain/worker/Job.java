package dev.grange.domain.worker;

import java.util.List;
import java.util.Map;

/**
 * What one worker is told to run: the whole of it, decided here and only carried out there. Written
 * as {@code job.json} into the job's folder, the files beside it.
 *
 * @param attempt the attempt's id
 * @param kind {@code build} or {@code test}
 * @param probe {@code host:port} of everything the worker must reach
 * @param digestFile where the push step leaves the digest, relative to the working directory
 * @param files what lies in {@code files/} of the job's folder: name and text
 */
public record Job(
    String attempt,
    String kind,
    List<String> probe,
    List<Step> steps,
    String digestFile,
    Map<String, String> files) {

  /** Without the files: one of them is a credential. */
  @Override
  public String toString() {
    return "Job[attempt=%s, kind=%s, files=%s]".formatted(attempt, kind, files.keySet());
  }

  /**
   * One program to run.
   *
   * @param argv its arguments, never seen by a shell
   * @param retries how often it is run again when it fails
   * @param failureReason the {@link dev.grange.domain.build.Reason#code()} of its failure
   */
  public record Step(
      String name,
      List<String> argv,
      int timeoutSeconds,
      int retries,
      int retryDelaySeconds,
      String failureReason) {}
}
