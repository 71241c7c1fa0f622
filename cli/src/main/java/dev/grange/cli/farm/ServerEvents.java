package dev.grange.cli.farm;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** Reads one {@code text/event-stream} (WHATWG HTML, section 9.2). */
final class ServerEvents implements AutoCloseable {

  private final BufferedReader reader;
  private String lastId = "";

  ServerEvents(InputStream stream) {
    this.reader = new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8));
  }

  /** The next event; null at the end of the stream, where an event that was begun is dropped. */
  @Nullable ServerEvent next() throws IOException {
    StringBuilder data = new StringBuilder();
    String type = "";
    for (String line = reader.readLine(); line != null; line = reader.readLine()) {
      if (line.isEmpty()) {
        if (!data.isEmpty() || !type.isEmpty()) {
          return new ServerEvent(
              lastId, type.isEmpty() ? "message" : type, data.isEmpty() ? "" : data.substring(1));
        }
        continue;
      }
      int colon = line.indexOf(':');
      String field = colon < 0 ? line : line.substring(0, colon);
      String value = colon < 0 ? "" : line.substring(colon + 1);
      if (value.startsWith(" ")) {
        value = value.substring(1);
      }
      switch (field) {
        case "data" -> data.append('\n').append(value);
        case "event" -> type = value;
        case "id" -> lastId = value;
        default -> {
          // Comments (keep-alives) have an empty field name; unknown fields are to be ignored.
        }
      }
    }
    return null;
  }

  @Override
  public void close() throws IOException {
    reader.close();
  }
}
