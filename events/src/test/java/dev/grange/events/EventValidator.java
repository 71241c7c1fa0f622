package dev.grange.events;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.networknt.schema.InputFormat;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaLocation;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SchemaRegistryConfig;
import com.networknt.schema.SpecificationVersion;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * Holds an event against its JSON Schema; also for the tests of other modules. Nothing is fetched:
 * the schemas come from the class path.
 */
public final class EventValidator {
  private static final String BASE = "https://grange.dev/schemas/";
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Map<String, Schema> SCHEMAS = load();

  private EventValidator() {}

  /**
   * Checks a whole CDEvent.
   *
   * @param type that the event is said to have
   * @param payload its JSON
   * @throws AssertionError that lists everything that is wrong with it
   */
  public static void validate(String type, String payload) {
    Schema schema = SCHEMAS.get(type);
    if (schema == null) {
      throw new AssertionError("no schema for events of type " + type);
    }
    try {
      JSON.readTree(payload);
    } catch (JsonProcessingException e) {
      throw new AssertionError("an event of type " + type + " is not JSON: " + payload, e);
    }
    List<com.networknt.schema.Error> problems = schema.validate(payload, InputFormat.JSON);
    if (!problems.isEmpty()) {
      throw new AssertionError(
          problems.stream()
              .map(problem -> "  " + problem.getInstanceLocation() + ": " + problem.getMessage())
              .collect(
                  Collectors.joining(
                      "\n", "not a valid event of type " + type + ":\n", "\n" + payload)));
    }
  }

  /** Checks an event's payload, and that its other parts say the same as the payload does. */
  public static void validate(FarmEvent event) {
    validate(event.type(), event.payload());
    JsonNode payload = read(event.payload());
    agree("id", event.id(), payload.at("/context/id"));
    agree("type", event.type(), payload.at("/context/type"));
    agree("source", event.source(), payload.at("/context/source"));
    agree("subject", event.subject(), payload.at("/subject/id"));
    EventType type = EventType.of(event.type()).orElseThrow();
    agree("customData.schema", type.customData(), payload.at("/customData/schema"));
    if (event.topic() != type.topic()) {
      throw new AssertionError(event.type() + " is not told on " + event.topic());
    }
  }

  private static void agree(String what, String expected, JsonNode actual) {
    if (!expected.equals(actual.asText())) {
      throw new AssertionError(what + " is " + expected + ", and in the payload " + actual);
    }
  }

  private static Map<String, Schema> load() {
    JsonNode index = read(resource("index.json"));
    Map<String, String> texts = new TreeMap<>();
    index.get("common").forEach(file -> put(texts, file));
    index.get("custom_data").forEach(file -> put(texts, file));
    index.get("types").forEach(file -> put(texts, file));
    SchemaRegistry registry =
        SchemaRegistry.withDefaultDialect(
            SpecificationVersion.DRAFT_2020_12,
            builder ->
                builder
                    .schemas(texts)
                    .schemaRegistryConfig(
                        SchemaRegistryConfig.builder().formatAssertionsEnabled(true).build()));
    Map<String, Schema> schemas = new TreeMap<>();
    index
        .get("types")
        .properties()
        .forEach(
            type ->
                schemas.put(
                    type.getKey(),
                    registry.getSchema(SchemaLocation.of(BASE + type.getValue().asText()))));
    return schemas;
  }

  private static void put(Map<String, String> texts, JsonNode file) {
    texts.put(BASE + file.asText(), resource(file.asText()));
  }

  private static String resource(String name) {
    try (InputStream in = FarmEvent.class.getResourceAsStream("/schemas/" + name)) {
      if (in == null) {
        throw new IllegalStateException("no schema " + name + " on the class path");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static JsonNode read(String json) {
    try {
      return JSON.readTree(json);
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
  }
}
