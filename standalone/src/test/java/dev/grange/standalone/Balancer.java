package dev.grange.standalone;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;

/**
 * Stands before the token services of several schedulers, as a farm's own would: a scheduler that
 * does not answer is passed over.
 */
final class Balancer implements AutoCloseable {
  private final List<Integer> ports = new CopyOnWriteArrayList<>();
  private final HttpClient client =
      HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(1)).build();
  private final HttpServer server;

  Balancer() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 64);
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.createContext("/token", this::pass);
    server.start();
  }

  String realm() {
    return "http://127.0.0.1:" + server.getAddress().getPort() + "/token";
  }

  /** Asks this one first from now on. */
  void add(int port) {
    ports.addFirst(port);
  }

  private void pass(HttpExchange exchange) throws IOException {
    try (exchange) {
      for (int port : ports) {
        HttpRequest.Builder request =
            HttpRequest.newBuilder(
                    URI.create("http://127.0.0.1:" + port + exchange.getRequestURI().toString()))
                .timeout(Duration.ofSeconds(1));
        String credential = exchange.getRequestHeaders().getFirst("Authorization");
        if (credential != null) {
          request.header("Authorization", credential);
        }
        try {
          HttpResponse<byte[]> answer =
              client.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
          exchange.getResponseHeaders().set("Content-Type", "application/json");
          exchange.sendResponseHeaders(answer.statusCode(), answer.body().length);
          exchange.getResponseBody().write(answer.body());
          return;
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          return;
        } catch (IOException e) {
          // the next one may answer
          continue;
        }
      }
      exchange.sendResponseHeaders(503, -1);
    }
  }

  @Override
  public void close() {
    server.stop(0);
    client.close();
  }
}
