package dev.grange.events;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Keeps the examples in the docs the truth; {@code -Dgolden=update} writes them anew. */
class ExamplesTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Tests run in their module's folder. */
  private static final Path DOCS = Path.of("..", "docs");

  @Test
  void theExamplesInTheDocsAreWhatTheFarmPublishes() throws IOException {
    ArrayNode examples = JSON.createArrayNode();
    for (Map.Entry<String, FarmEvent> sample : EventSamples.all().entrySet()) {
      FarmEvent event = sample.getValue();
      ObjectNode example = examples.addObject();
      example
          .put("when", sample.getKey())
          .put("topic", event.topic().topicName())
          .put("key", event.key());
      event.cloudEventHeaders().forEach(example.putObject("headers")::put);
      example.set("value", JSON.readTree(event.payload()));
    }
    String expected =
        JSON.writerWithDefaultPrettyPrinter().writeValueAsString(examples).replace("\r\n", "\n")
            + "\n";
    Path golden = DOCS.resolve("events-examples.json");
    if ("update".equals(System.getProperty("golden"))) {
      Files.createDirectories(DOCS);
      Files.writeString(golden, expected);
    }
    assertThat(golden).exists();
    assertThat(Files.readString(golden))
        .as("docs/events-examples.json (-Dgolden=update writes it)")
        .isEqualTo(expected);
  }

  @Test
  void everyTypeAndTopicIsInTheDocs() throws IOException {
    String page = Files.readString(DOCS.resolve("events.md"));
    for (EventType type : EventType.values()) {
      assertThat(page).contains("`" + type.typeName() + "`").contains(type.customData());
      assertThat(page).contains(type.topic().topicName());
    }
  }
}
