package dev.grange.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.grange.registry.RegistryException.Kind;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a registry may answer and the farm must not fall for. */
class HostileRegistryTest {
  private static final byte[] BLOB = {1, 2, 3};
  private static final String DIGEST = Digests.of(BLOB);

  private final List<String> elsewhere = new CopyOnWriteArrayList<>();
  private HttpServer server;
  private HttpServer other;
  private Registry registry;
  private volatile Answer answer = (exchange, _) -> status(exchange, 500);

  @FunctionalInterface
  private interface Answer {
    void to(HttpExchange exchange, String method) throws IOException;
  }

  @BeforeEach
  void start() throws IOException {
    server = listen((exchange) -> answer.to(exchange, exchange.getRequestMethod()));
    other =
        listen(
            exchange -> {
              elsewhere.add(exchange.getRequestMethod() + " " + exchange.getRequestURI());
              status(exchange, 201);
            });
    registry = new Registry(URI.create("http://127.0.0.1:" + server.getAddress().getPort()));
  }

  @AfterEach
  void stop() {
    server.stop(0);
    other.stop(0);
  }

  private static HttpServer listen(com.sun.net.httpserver.HttpHandler handler) throws IOException {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/", handler);
    server.start();
    return server;
  }

  private String otherUrl() {
    return "http://127.0.0.1:" + other.getAddress().getPort() + "/v2/x/blobs/uploads/1";
  }

  private static void status(HttpExchange exchange, int status) throws IOException {
    exchange.getRequestBody().readAllBytes();
    exchange.sendResponseHeaders(status, -1);
    exchange.close();
  }

  private static void body(HttpExchange exchange, byte[] bytes) throws IOException {
    exchange.getResponseHeaders().add("Content-Type", Manifest.OCI_MANIFEST);
    exchange.sendResponseHeaders(200, bytes.length);
    try (OutputStream out = exchange.getResponseBody()) {
      out.write(bytes);
    } catch (IOException e) {
      // the client has read enough
      return;
    }
  }

  private static void assertKind(Kind kind, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(RegistryException.class, e -> assertThat(e.kind()).isEqualTo(kind));
  }

  @ParameterizedTest(name = "{0} is {1}, to be asked again: {2}")
  @CsvSource({
    "400, REFUSED, false",
    "401, UNAUTHORIZED, false",
    "403, UNAUTHORIZED, false",
    "405, REFUSED, false",
    "413, REFUSED, false",
    "429, BUSY, true",
    "500, BUSY, true",
    "502, BUSY, true",
    "503, BUSY, true",
    "204, BROKEN, true"
  })
  void everyStatusHasItsKind(int status, Kind kind, boolean retryable) {
    answer = (exchange, _) -> status(exchange, status);
    Manifest manifest = Images.manifest(Manifest.OCI_MANIFEST, "{}");
    assertThatThrownBy(() -> registry.putManifest("x", "latest", manifest))
        .isInstanceOfSatisfying(
            RegistryException.class,
            e -> {
              assertThat(e.kind()).isEqualTo(kind);
              assertThat(e.retryable()).isEqualTo(retryable);
              assertThat(e).hasMessageContaining(String.valueOf(status));
            });
    assertKind(kind, () -> registry.manifest("x", "latest"));
    assertKind(kind, () -> registry.resolve("x", "latest"));
    assertKind(kind, () -> registry.hasBlob("x", DIGEST));
    assertKind(kind, () -> registry.pushBlob("x", DIGEST, BLOB));
    assertKind(kind, () -> registry.blob("x", DIGEST).close());
  }

  @Test
  void aRedirectOfAWriteIsNotFollowed() {
    answer =
        (exchange, _) -> {
          exchange.getResponseHeaders().add("Location", otherUrl());
          status(exchange, 307);
        };
    Manifest manifest = Images.manifest(Manifest.OCI_MANIFEST, "{}");
    assertKind(Kind.BROKEN, () -> registry.putManifest("x", "latest", manifest));
    assertThat(elsewhere).isEmpty();
  }

  @Test
  void anUploadIsNotContinuedOnAnotherHost() {
    answer =
        (exchange, method) -> {
          if (method.equals("POST")) {
            exchange.getResponseHeaders().add("Location", otherUrl());
          }
          status(exchange, method.equals("POST") ? 202 : 404);
        };
    assertKind(Kind.BROKEN, () -> registry.pushBlob("x", DIGEST, BLOB));
    assertThat(elsewhere).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "//127.0.0.1:1/v2/x/blobs/uploads/1",
        "http://user@127.0.0.1/x",
        "ftp://127.0.0.1/x",
        "::not a url::",
        "file:///etc/passwd"
      })
  void aLocationThatIsNotTheRegistrysOwnIsRefused(String location) {
    answer =
        (exchange, method) -> {
          if (method.equals("POST")) {
            exchange.getResponseHeaders().add("Location", location);
          }
          status(exchange, method.equals("POST") ? 202 : 404);
        };
    assertKind(Kind.BROKEN, () -> registry.pushBlob("x", DIGEST, BLOB));
  }

  @Test
  void aLocationOfAnotherSchemeOnTheSameHostIsRefused() {
    answer =
        (exchange, method) -> {
          if (method.equals("POST")) {
            exchange
                .getResponseHeaders()
                .add("Location", "https://" + registry.host() + "/v2/x/blobs/uploads/1");
          }
          status(exchange, method.equals("POST") ? 202 : 404);
        };
    assertKind(Kind.BROKEN, () -> registry.pushBlob("x", DIGEST, BLOB));
  }

  @Test
  void aLocationWithAQueryOfItsOwnIsContinued() throws Exception {
    List<String> puts = new CopyOnWriteArrayList<>();
    answer =
        (exchange, method) -> {
          switch (method) {
            case "HEAD" -> status(exchange, 404);
            case "POST" -> {
              exchange.getResponseHeaders().add("Location", "/upload/7?_state=a%2Fb");
              status(exchange, 202);
            }
            default -> {
              puts.add(exchange.getRequestURI().toString());
              status(exchange, 201);
            }
          }
        };
    registry.pushBlob("x", DIGEST, BLOB);
    assertThat(puts).containsExactly("/upload/7?_state=a%2Fb&digest=" + DIGEST.replace(":", "%3A"));
  }

  @Test
  void aManifestWithoutEndIsRefusedBeforeItIsRead() {
    answer = (exchange, _) -> body(exchange, new byte[Registry.MAX_MANIFEST_BYTES + 1]);
    assertKind(Kind.REFUSED, () -> registry.manifest("x", "latest"));
  }

  @Test
  void bytesThatDoNotHashToWhatWasAskedForAreNotBelieved() {
    answer = (exchange, _) -> body(exchange, "{}".getBytes(StandardCharsets.UTF_8));
    assertKind(Kind.BROKEN, () -> registry.manifest("x", DIGEST));
  }

  @Test
  void aDigestHeaderThatIsNoDigestIsNone() throws Exception {
    answer =
        (exchange, _) -> {
          exchange.getResponseHeaders().add("Docker-Content-Digest", "sha256:../../etc");
          status(exchange, 200);
        };
    assertThat(registry.resolve("x", "latest")).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "not json",
        "[]",
        "{}",
        "{\"config\":{},\"layers\":[]}",
        "{\"config\":{\"digest\":\"sha256:x\",\"size\":1},\"layers\":[]}",
        "{\"config\":{\"digest\":\"%s\",\"size\":-1},\"layers\":[]}",
        "{\"config\":{\"digest\":\"%s\",\"size\":9223372036854775807},\"layers\":[]}",
        "{\"config\":{\"digest\":\"%s\",\"size\":1},\"layers\":{}}",
        "{\"config\":{\"digest\":\"%s\",\"size\":1},\"layers\":[{\"digest\":\"../x\",\"size\":1}]}"
      })
  void aManifestThatCannotBeReadIsRefusedSinceItStaysWhatItIs(String text) {
    Manifest manifest = Images.manifest(Manifest.OCI_MANIFEST, text.replace("%s", DIGEST));
    assertKind(Kind.REFUSED, manifest::blobs);
  }

  @Test
  void anIndexWithoutAListIsRefused() {
    assertKind(Kind.REFUSED, Images.manifest(Manifest.OCI_INDEX, "{}")::children);
  }

  @Test
  void aRegistryThatTakesAnImageAndDoesNotHaveItIsBroken() {
    Manifest image =
        Images.manifest(
            Manifest.OCI_MANIFEST,
            "{\"config\":{\"digest\":\"%s\",\"size\":3},\"layers\":[]}".formatted(DIGEST));
    answer =
        (exchange, method) -> {
          boolean manifest = exchange.getRequestURI().getPath().contains("/manifests/");
          if (method.equals("HEAD")) {
            status(exchange, manifest ? 404 : 200);
          } else if (method.equals("GET")) {
            body(exchange, image.bytes());
          } else {
            status(exchange, 201);
          }
        };
    assertKind(Kind.BROKEN, () -> ImageCopy.copy(registry, "a", registry, "b", image.digest()));
  }

  @Test
  void aConnectionThatIsResetIsUnreachable() throws Exception {
    try (ServerSocket listener = new ServerSocket(0, 8, InetAddress.getLoopbackAddress())) {
      Thread.ofVirtual().start(() -> resetAll(listener));
      Registry resetting = new Registry(URI.create("http://127.0.0.1:" + listener.getLocalPort()));
      assertKind(Kind.UNREACHABLE, resetting::ping);
      assertKind(Kind.UNREACHABLE, () -> resetting.pushBlob("x", DIGEST, BLOB));
    }
  }

  private static void resetAll(ServerSocket listener) {
    while (true) {
      try (Socket socket = listener.accept()) {
        socket.setSoLinger(true, 0);
      } catch (IOException e) {
        return;
      }
    }
  }

  @Test
  void aManifestThatBreaksOffIsUnreachable() {
    answer =
        (exchange, _) -> {
          exchange.sendResponseHeaders(200, 1000);
          exchange.getResponseBody().write(new byte[10]);
          exchange.getResponseBody().flush();
          exchange.getHttpContext().getServer().stop(0);
        };
    assertKind(Kind.UNREACHABLE, () -> registry.manifest("x", "latest"));
  }
}
