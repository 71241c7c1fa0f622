package dev.grange.testbed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * What builds wait at until a test lets them go on, so that no test has to guess how long something
 * takes.
 */
final class Gate implements AutoCloseable {
  private final HttpServer server;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final Map<String, Integer> knocks = new ConcurrentHashMap<>();
  private final Set<String> opened = ConcurrentHashMap.newKeySet();

  /**
   * A gate on a free port.
   *
   * @param address of this machine, which pods reach
   */
  Gate(String address) {
    try {
      server = HttpServer.create(new InetSocketAddress(address, 0), 0);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    server.setExecutor(threads);
    server.createContext("/", this::answer);
    server.start();
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      String name = exchange.getRequestURI().getPath().substring(1);
      knocks.merge(name, 1, Integer::sum);
      exchange.sendResponseHeaders(opened.contains(name) ? 200 : 503, -1);
    }
  }

  /** A line of shell that ends when the gate of that name is open. */
  String script(String name) {
    return "until /bin/wget -q -O /dev/null http://%s:%d/%s; do sleep 0.5; done"
        .formatted(server.getAddress().getHostString(), server.getAddress().getPort(), name);
  }

  /** Waits until somebody is at the gate: its step has begun. */
  void awaitKnock(String name) {
    int before = knocks.getOrDefault(name, 0);
    await()
        .alias("somebody waits at " + name)
        .atMost(Farm.PATIENCE)
        .untilAsserted(() -> assertThat(knocks.getOrDefault(name, 0)).isGreaterThan(before));
  }

  void open(String name) {
    opened.add(name);
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
