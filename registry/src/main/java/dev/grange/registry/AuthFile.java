package dev.grange.registry;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Map;
import java.util.Optional;

/**
 * Credentials for registries as container tools keep them: containers-auth.json(5), which {@code
 * podman login} and {@code docker login} write. Read each time, so that a new secret is picked up.
 */
public record AuthFile(Path path) {
  private static final ObjectMapper JSON = new ObjectMapper();

  /**
   * The text of such a file for one registry.
   *
   * @param host and port
   */
  public static String of(String host, String user, String secret) {
    return JSON.valueToTree(
                Map.of("auths", Map.of(host, Map.of("auth", base64(user + ":" + secret)))))
            .toString()
        + "\n";
  }

  /** {@code user:secret} in Base64 for a registry, if the file has it. */
  Optional<String> basic(String host) throws IOException {
    JsonNode auths = JSON.readTree(Files.readAllBytes(path)).path("auths");
    for (String key : new String[] {host, "https://" + host, "http://" + host}) {
      String auth = auths.path(key).path("auth").asText("");
      if (!auth.isEmpty()) {
        return Optional.of(auth);
      }
    }
    return Optional.empty();
  }

  private static String base64(String text) {
    return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
  }
}
