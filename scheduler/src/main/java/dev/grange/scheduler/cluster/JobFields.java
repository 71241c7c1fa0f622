package dev.grange.scheduler.cluster;

import dev.grange.domain.worker.Job;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Writes {@code job.fields}: what the worker would make of {@code job.json} by jq, whose start
 * every job would pay. The order is that of {@code grange-job.jq}.
 */
public final class JobFields {
  private JobFields() {}

  /**
   * A job as fields that end with NUL.
   *
   * @return empty for a job that has a NUL itself: the worker has {@code job.json} and says what is
   *     wrong
   */
  public static Optional<String> write(Job job) {
    List<String> fields = new ArrayList<>();
    fields.add("1");
    fields.add(job.kind());
    fields.add(Integer.toString(JobJson.TERM_GRACE_SECONDS));
    fields.add(job.digestFile());
    fields.add(Integer.toString(job.probe().size()));
    fields.addAll(job.probe());
    for (Job.Step step : job.steps()) {
      fields.add(step.name());
      fields.add(Integer.toString(step.timeoutSeconds()));
      fields.add(Integer.toString(step.retries()));
      fields.add(Integer.toString(step.retryDelaySeconds()));
      fields.add(step.failureReason());
      fields.add(Integer.toString(step.argv().size()));
      fields.addAll(step.argv());
    }
    return fields.stream().anyMatch(field -> field.indexOf('\0') >= 0)
        ? Optional.empty()
        : Optional.of(String.join("\0", fields) + "\0");
  }
}
