package dev.grange.standalone;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import dev.grange.embedded.Secrets;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Path;

/**
 * {@code farm.json}: how clients on this machine find a farm that is ready. There as long as it
 * runs.
 */
record FarmFile(
    String api,
    String kafka,
    String candidate,
    String stable,
    String tokenService,
    long pid,
    Path token) {
  void write(Path file) throws IOException {
    StringWriter text = new StringWriter();
    try (JsonGenerator json = new JsonFactory().createGenerator(text).useDefaultPrettyPrinter()) {
      json.writeStartObject();
      json.writeStringField("api", api);
      json.writeStringField("kafka", kafka);
      json.writeStringField("candidate", candidate);
      json.writeStringField("stable", stable);
      json.writeStringField("token_service", tokenService);
      json.writeNumberField("pid", pid);
      json.writeStringField("token_file", token.toString());
      json.writeEndObject();
    }
    Secrets.write(file, text + "\n");
  }
}
