package dev.grange.events;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * One attempt: one pod, or one local process.
 *
 * @param id of the attempt
 * @param number counts the attempts at the same thing, from 1
 * @param cluster it was placed on
 * @param node it ran on, as far as that is known
 * @param queuedAt when what it runs was submitted, or came back to the queue: the clock of waiting
 * @param startedAt when its worker began: the clock of running; null before that
 */
public record AttemptFacts(
    UUID id,
    int number,
    String cluster,
    @Nullable String node,
    Instant queuedAt,
    @Nullable Instant startedAt) {

  static void write(ObjectNode customData, @Nullable AttemptFacts attempt) {
    if (attempt == null) {
      customData.putNull("attempt");
      return;
    }
    ObjectNode node =
        customData
            .putObject("attempt")
            .put("id", attempt.id.toString())
            .put("number", attempt.number)
            .put("cluster", attempt.cluster);
    CdEvent.orNull(node, "node", attempt.node);
    CdEvent.orNull(node, "queued_at", attempt.queuedAt);
    CdEvent.orNull(node, "started_at", attempt.startedAt);
  }
}
