package dev.grange.api.farm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.grange.api.testing.Farm;
import dev.grange.api.testing.Farm.Api;
import dev.grange.api.testing.FarmResource;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * The committed document is a promise. What it promises and the code no longer keeps is a breaking
 * difference; anything else that differs means that the document is stale. {@code
 * -Dgrange.openapi.write=true} writes it anew.
 */
@QuarkusTest
@QuarkusTestResource(FarmResource.class)
class OpenApiIT {
  private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());
  private static final Path COMMITTED =
      Path.of(System.getProperty("basedir", "."), "..", "docs", "openapi.yaml").normalize();

  @Test
  void theCommittedDocumentIsWhatTheCodeDoes() throws IOException {
    String text = new Api("").get("/q/openapi", "Accept", "application/yaml").body();
    if (Boolean.getBoolean("grange.openapi.write")) {
      Files.writeString(COMMITTED, text);
    }
    JsonNode promised = YAML.readTree(Files.readString(COMMITTED));
    JsonNode kept = YAML.readTree(text);
    List<String> broken = new ArrayList<>();
    compare("", promised, kept, broken);
    assertThat(broken).as("breaking differences from docs/openapi.yaml").isEmpty();
    if (!promised.equals(kept)) {
      fail("docs/openapi.yaml is stale: run this test with -Dgrange.openapi.write=true");
    }
  }

  @Test
  void everyRouteIsDescribed() throws IOException {
    JsonNode paths = YAML.readTree(Files.readString(COMMITTED)).get("paths");
    List<String> undescribed = new ArrayList<>();
    paths
        .properties()
        .forEach(
            path ->
                path.getValue()
                    .properties()
                    .forEach(
                        operation -> {
                          if (operation.getValue().path("summary").asText().isEmpty()
                              || operation.getValue().path("operationId").asText().isEmpty()) {
                            undescribed.add(operation.getKey() + " " + path.getKey());
                          }
                        }));
    assertThat(undescribed).isEmpty();
    assertThat(paths.size()).isEqualTo(18);
  }

  @Test
  void aDroppedPropertyAndANewRequirementAreBreaking() throws IOException {
    JsonNode promised = YAML.readTree("{p: {properties: {a: {type: string}}, required: [a]}}");
    List<String> broken = new ArrayList<>();
    compare("", promised, YAML.readTree("{p: {properties: {}, required: [a, b]}}"), broken);
    assertThat(broken).containsExactly("gone: /p/properties/a", "newly required: /p/required b");
  }

  /** What is promised must be there; what is demanded must not grow; text may be reworded. */
  private static void compare(String at, JsonNode promised, JsonNode kept, List<String> broken) {
    if (promised.isObject()) {
      for (Map.Entry<String, JsonNode> entry : promised.properties()) {
        String here = at + "/" + entry.getKey();
        if (List.of("description", "summary", "example", "examples", "info", "tags")
                .contains(entry.getKey())
            && !at.endsWith("/properties")) {
          continue;
        }
        JsonNode there = kept.path(entry.getKey());
        if (there.isMissingNode()) {
          broken.add("gone: " + here);
        } else {
          compare(here, entry.getValue(), there, broken);
        }
      }
    } else if (promised.isArray()) {
      String name = at.substring(at.lastIndexOf('/') + 1);
      promised.forEach(
          value -> {
            if (!name.equals("required") && !contains(kept, value)) {
              broken.add("gone: " + at + " " + value.asText());
            }
          });
      kept.forEach(
          value -> {
            if (name.equals("required") && !contains(promised, value)) {
              broken.add("newly required: " + at + " " + value.asText());
            }
          });
    } else if (!promised.equals(kept)) {
      broken.add("changed: " + at + " from " + promised.asText() + " to " + kept.asText());
    }
  }

  private static boolean contains(JsonNode array, JsonNode value) {
    for (JsonNode item : array) {
      if (item.equals(value)
          || (item.isObject()
              && item.path("name").equals(value.path("name"))
              && value.has("name"))) {
        return true;
      }
    }
    return false;
  }

  @Test
  void theSchemaVersionIsThatOfTheNewestMigration() {
    assertThat(Farm.count("SELECT max(version::int) FROM flyway_schema_history"))
        .isEqualTo(dev.grange.store.SchemaVersion.EXPECTED);
  }
}
