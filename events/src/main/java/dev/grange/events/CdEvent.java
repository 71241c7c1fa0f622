package dev.grange.events;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Collection;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Writes one CDEvent. Members come in a fixed order, so that the same fact gives the same bytes.
 *
 * <p>{@code context.chainId} is left out: CDEvents wants a random UUID there, and nothing in an
 * event may be random. What belongs together has the same build id.
 */
final class CdEvent {
  /** The version of CDEvents whose schemas the events follow. */
  static final String SPEC_VERSION = "0.5.1";

  private static final ObjectMapper JSON = new ObjectMapper();

  private final EventType type;
  private final String farm;
  private final String id;
  private final String key;
  private final String subject;
  private final Instant at;
  private final ObjectNode content = JsonNodeFactory.instance.objectNode();
  private final ObjectNode customData = JsonNodeFactory.instance.objectNode();

  /**
   * @param id of the event, see {@link FarmEvent#id}
   * @param at when it happened; kept to the microsecond, as the database does
   */
  CdEvent(EventType type, String farm, String id, String key, String subject, Instant at) {
    this.type = type;
    this.farm = farm;
    this.id = id;
    this.key = key;
    this.subject = subject;
    this.at = at.truncatedTo(ChronoUnit.MICROS);
    customData.put("schema", type.customData());
  }

  /** Writes into {@code subject.content}. */
  CdEvent content(Consumer<ObjectNode> writer) {
    writer.accept(content);
    return this;
  }

  /** Writes into {@code customData}, after its {@code schema}. */
  CdEvent customData(Consumer<ObjectNode> writer) {
    writer.accept(customData);
    return this;
  }

  FarmEvent event() {
    String source = source(farm);
    ObjectNode event = JsonNodeFactory.instance.objectNode();
    event
        .putObject("context")
        .put("specversion", SPEC_VERSION)
        .put("id", id)
        .put("source", source)
        .put("type", type.typeName())
        .put("timestamp", at.toString());
    event.putObject("subject").put("id", subject).put("source", source).set("content", content);
    event.set("customData", customData);
    event.put("customDataContentType", "application/json");
    return new FarmEvent(id, type.topic(), key, type.typeName(), source, subject, write(event));
  }

  /** The farm as a URI reference; its name is free text, so it is encoded. */
  static String source(String farm) {
    return "/grange/" + PercentEncoding.segment(farm);
  }

  static String timestamp(String payload) {
    try {
      return JSON.readTree(payload).required("context").required("timestamp").asText();
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("not a CDEvent: the payload is not JSON", e);
    }
  }

  /** Writes an array of strings, in the order given. */
  static void strings(ObjectNode node, String name, Collection<String> values) {
    ArrayNode array = node.putArray(name);
    values.forEach(array::add);
  }

  /** Writes a string or null; a member that may be unknown is there all the same. */
  static void orNull(ObjectNode node, String name, @Nullable Object value) {
    if (value == null) {
      node.putNull(name);
    } else {
      node.put(name, value.toString());
    }
  }

  /** Writes {@code fault}, {@code reason} and {@code message}; all null without a failure. */
  static void failure(ObjectNode node, @Nullable Failure failure) {
    orNull(node, "fault", failure == null ? null : failure.fault());
    orNull(node, "reason", failure == null ? null : failure.reason());
    orNull(node, "message", failure == null ? null : failure.boundedMessage());
  }

  private static String write(ObjectNode event) {
    try {
      return JSON.writeValueAsString(event);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a tree of strings and numbers could not be written", e);
    }
  }
}
