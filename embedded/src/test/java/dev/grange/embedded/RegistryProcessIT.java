package dev.grange.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RegistryProcessIT {
  @TempDir Path folder;
  final HttpClient client = HttpClient.newHttpClient();

  @Test
  void keepsItsBlobsWhenItIsKilledAndStartsOnTheSamePort() throws Exception {
    RegistryProcess.Options options = options(FreePorts.any());
    RegistryProcess killed = RegistryProcess.start(options);
    String blob = push(killed, "a layer");
    killed.kill();
    try (RegistryProcess registry = RegistryProcess.start(options)) {
      HttpRequest get =
          HttpRequest.newBuilder(URI.create(registry.url() + "/v2/test/blobs/" + blob)).build();
      assertThat(client.send(get, HttpResponse.BodyHandlers.ofString()).body())
          .isEqualTo("a layer");
    }
  }

  @Test
  void allowsDeletion() throws Exception {
    try (RegistryProcess registry = RegistryProcess.start(options(FreePorts.any()))) {
      String blob = push(registry, "a layer");
      HttpRequest delete =
          HttpRequest.newBuilder(URI.create(registry.url() + "/v2/test/blobs/" + blob))
              .DELETE()
              .build();
      assertThat(client.send(delete, HttpResponse.BodyHandlers.discarding()).statusCode())
          .isEqualTo(202);
    }
  }

  @Test
  void namesItsLogWhenThePortIsTaken() throws Exception {
    int port = FreePorts.any();
    try (ServerSocket taken = new ServerSocket(port)) {
      assertThatThrownBy(() -> RegistryProcess.start(options(taken.getLocalPort())))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("registry.log");
    }
  }

  private RegistryProcess.Options options(int port) {
    return new RegistryProcess.Options(
        folder.resolve("registry"), "127.0.0.1", port, folder.resolve("registry.log"));
  }

  private String push(RegistryProcess registry, String content) throws Exception {
    byte[] bytes = content.getBytes(StandardCharsets.UTF_8);
    String digest =
        "sha256:" + HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    HttpRequest begin =
        HttpRequest.newBuilder(URI.create(registry.url() + "/v2/test/blobs/uploads/"))
            .POST(HttpRequest.BodyPublishers.noBody())
            .build();
    String location =
        client
            .send(begin, HttpResponse.BodyHandlers.discarding())
            .headers()
            .firstValue("Location")
            .orElseThrow();
    HttpRequest put =
        HttpRequest.newBuilder(URI.create(location + "&digest=" + digest))
            .PUT(HttpRequest.BodyPublishers.ofByteArray(bytes))
            .build();
    assertThat(client.send(put, HttpResponse.BodyHandlers.discarding()).statusCode())
        .isEqualTo(201);
    return digest;
  }
}
