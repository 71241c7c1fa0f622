package dev.grange.scheduler.cluster;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.grange.domain.worker.Job;

/** Writes {@code job.json} as docs/worker.md has it. */
public final class JobJson {
  private static final ObjectMapper JSON = new ObjectMapper();
  static final int TERM_GRACE_SECONDS = 10;

  private JobJson() {}

  public static String write(Job job) {
    ObjectNode root =
        JSON.createObjectNode()
            .put("version", 1)
            .put("attempt", job.attempt())
            .put("kind", job.kind())
            .put("term_grace_seconds", TERM_GRACE_SECONDS);
    job.probe().forEach(root.putArray("probe")::add);
    ArrayNode steps = root.putArray("steps");
    for (Job.Step step : job.steps()) {
      ObjectNode node = steps.addObject().put("name", step.name());
      step.argv().forEach(node.putArray("argv")::add);
      node.put("timeout_seconds", step.timeoutSeconds())
          .put("retries", step.retries())
          .put("retry_delay_seconds", step.retryDelaySeconds())
          .put("failure_reason", step.failureReason());
    }
    return root.put("digest_file", job.digestFile()).toString();
  }
}
