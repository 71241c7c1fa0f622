package dev.grange.events;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;

/**
 * One fact on its way out, as the outbox keeps it.
 *
 * @param id derived from what happened, so that the same fact has the same id however often it is
 *     told; also {@code context.id} of the payload
 * @param topic where it is published
 * @param key what orders it: events of one key are published in the order in which they were
 *     written
 * @param type of the CDEvent, with its version
 * @param source the farm, a URI reference
 * @param subject {@code subject.id} of the payload
 * @param payload the whole CDEvent as JSON: context, subject, customData
 */
public record FarmEvent(
    String id,
    Topic topic,
    String key,
    String type,
    String source,
    String subject,
    String payload) {

  /**
   * The headers of a Kafka record in CloudEvents' binary mode, in the order in which they are
   * written; values are UTF-8. The record's value is {@link #payload} as it is: CDEvents' binding
   * wants the whole event as the data, and the CloudEvent's subject to be the CDEvent's {@code
   * subject.id}.
   *
   * <p>{@code message_uuid} is not CloudEvents': Ansible's Kafka source takes an event's UUID from
   * it, and would otherwise make one of the record's offset, which differs for a repeat.
   */
  public Map<String, String> cloudEventHeaders() {
    Map<String, String> headers = new LinkedHashMap<>();
    headers.put("ce_specversion", "1.0");
    headers.put("ce_id", id);
    headers.put("ce_source", source);
    headers.put("ce_type", type);
    headers.put("ce_subject", subject);
    headers.put("ce_time", CdEvent.timestamp(payload));
    headers.put("content-type", "application/json");
    headers.put(
        "message_uuid", UUID.nameUUIDFromBytes(id.getBytes(StandardCharsets.UTF_8)).toString());
    return headers;
  }
}
