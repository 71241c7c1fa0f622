package dev.grange.cli.terminal;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import dev.grange.cli.farm.Json;
import java.io.PrintStream;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The form in which a command writes its data to stdout. */
public final class Output {

  /** The forms; in lower case on the command line. */
  public enum Form {
    TABLE,
    JSON,
    YAML,
    NAME
  }

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FORM",
      description = "How to print the result: table, json, yaml or name. Default: table.")
  @Nullable Form form;

  public Form form() {
    return form == null ? Form.TABLE : form;
  }

  /** Writes one thing. */
  public void one(
      PrintStream out, JsonNode thing, Function<JsonNode, String> name, Runnable asTable) {
    switch (form()) {
      case TABLE -> asTable.run();
      case NAME -> out.println(name.apply(thing));
      case JSON -> out.println(json(thing));
      case YAML -> out.print(yaml(thing));
    }
  }

  /** Writes many things. */
  public void many(
      PrintStream out,
      JsonNode things,
      Function<JsonNode, String> name,
      List<String> header,
      Function<JsonNode, List<String>> row) {
    switch (form()) {
      case TABLE -> {
        Table table = new Table(header);
        things.forEach(thing -> table.row(row.apply(thing)));
        table.print(out);
      }
      case NAME -> things.forEach(thing -> out.println(name.apply(thing)));
      case JSON -> out.println(json(things));
      case YAML -> out.print(yaml(things));
    }
  }

  private static String json(JsonNode thing) {
    return thing.toPrettyString();
  }

  private static String yaml(JsonNode thing) {
    try {
      return new ObjectMapper(
              YAMLFactory.builder()
                  .disable(YAMLGenerator.Feature.WRITE_DOC_START_MARKER)
                  .enable(YAMLGenerator.Feature.MINIMIZE_QUOTES)
                  .enable(YAMLGenerator.Feature.ALWAYS_QUOTE_NUMBERS_AS_STRINGS)
                  .build())
          .writeValueAsString(thing);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a tree can always be written", e);
    }
  }

  /** One line of JSON, for what reads the last line. */
  public static String line(JsonNode thing) {
    try {
      return Json.MAPPER.writeValueAsString(thing);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a tree can always be written", e);
    }
  }
}
