package dev.grange.scheduler.cluster.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.grange.domain.build.Reason;
import dev.grange.domain.worker.Job;
import dev.grange.domain.worker.Verdict;
import dev.grange.scheduler.cluster.ClusterException;
import dev.grange.scheduler.cluster.LogChunk;
import dev.grange.scheduler.cluster.PodRequest;
import dev.grange.scheduler.cluster.PodView.Phase;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What an API server may answer that none in good health does. */
class KubernetesClusterTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String POD = "grange-1";
  private static final String RUNNING = "{\"running\": {}}";

  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final CountDownLatch over = new CountDownLatch(1);
  private final List<String> told = new CopyOnWriteArrayList<>();
  private final AtomicInteger logs = new AtomicInteger();
  private HttpServer server;
  private KubernetesCluster cluster;
  private volatile Instant now = Instant.parse("2026-11-20T22:30:00Z");
  private volatile String pods = "";
  private volatile String events = "";
  private volatile int createAnswer = 201;
  private volatile Answer log = _ -> {};
  private volatile Runnable whenReached = () -> {};
  private String position = "";
  private final StringBuilder text = new StringBuilder();

  @FunctionalInterface
  private interface Answer {
    void to(HttpExchange exchange) throws IOException;
  }

  private final Clock clock =
      new Clock() {
        @Override
        public Instant instant() {
          return now;
        }

        @Override
        public ZoneId getZone() {
          return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
          return this;
        }
      };

  private final KubernetesCluster.Outside outside =
      new KubernetesCluster.Outside() {
        @Override
        public void reached() {
          told.add("reached");
          whenReached.run();
        }

        @Override
        public void failed(String why) {
          told.add("failed");
        }

        @Override
        public List<String> addresses() {
          return List.of();
        }
      };

  @BeforeEach
  void start() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(threads);
    server.createContext("/api/v1/namespaces/n/pods", this::pods);
    server.createContext("/api/v1/namespaces/n/pods/" + POD + "/log", this::log);
    server.createContext("/api/v1/namespaces/n/secrets", this::create);
    server.createContext("/api/v1/namespaces/n/events", this::events);
    server.start();
  }

  @AfterEach
  void stop() {
    over.countDown();
    if (cluster != null) {
      cluster.close();
    }
    server.stop(0);
    threads.shutdownNow();
  }

  private void pods(HttpExchange exchange) throws IOException {
    if (exchange.getRequestMethod().equals("POST")) {
      create(exchange);
    } else if (String.valueOf(exchange.getRequestURI().getQuery()).contains("watch=true")) {
      // a watch that ends at once: all is learned from lists
      answer(exchange, 200, "");
    } else {
      answer(
          exchange,
          200,
          "{\"kind\": \"PodList\", \"apiVersion\": \"v1\", \"metadata\": {\"resourceVersion\":"
              + " \"9\"}, \"items\": [%s]}".formatted(pods));
    }
  }

  private void create(HttpExchange exchange) throws IOException {
    if (createAnswer != 201) {
      answer(
          exchange,
          createAnswer,
          "{\"kind\": \"Status\", \"apiVersion\": \"v1\", \"code\": %d, \"message\": \"not now\"}"
              .formatted(createAnswer));
      return;
    }
    ObjectNode made = (ObjectNode) JSON.readTree(exchange.getRequestBody());
    made.withObject("/metadata").put("uid", "u").put("resourceVersion", "10");
    answer(exchange, 201, made.toString());
  }

  private void log(HttpExchange exchange) throws IOException {
    logs.incrementAndGet();
    log.to(exchange);
  }

  private void events(HttpExchange exchange) throws IOException {
    answer(
        exchange,
        200,
        "{\"kind\": \"EventList\", \"apiVersion\": \"v1\", \"metadata\": {}, \"items\": [%s]}"
            .formatted(
                exchange.getRequestURI().getQuery().contains("type=Warning")
                    ? events.lines().filter(event -> event.contains("Warning")).findFirst().get()
                    : String.join(",", events.lines().toList())));
  }

  private static void answer(HttpExchange exchange, int code, String body) throws IOException {
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(code, bytes.length == 0 ? -1 : bytes.length);
    exchange.getResponseBody().write(bytes);
    exchange.close();
  }

  /** Sends these lines, and no end. */
  private void sendAndHang(HttpExchange exchange, String lines) throws IOException {
    exchange.sendResponseHeaders(200, 0);
    OutputStream out = exchange.getResponseBody();
    out.write(lines.getBytes(StandardCharsets.UTF_8));
    out.flush();
    try {
      over.await();
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  private static String event(String time, String type, String reason) {
    return "{\"metadata\": {\"name\": \"e\"}, \"lastTimestamp\": \"%s\", \"type\": \"%s\", \"reason\": \"%s\"}\n"
        .formatted(time, type, reason);
  }

  private void pod(String state, int version) {
    pods =
        """
        {"metadata": {"name": "%s", "namespace": "n", "uid": "u", "resourceVersion": "%d"}, "spec": {"nodeName": "n1"},
         "status": {"containerStatuses": [{"name": "%s", "state": %s}]}}
        """
            .formatted(POD, version, PodRendering.CONTAINER, state);
  }

  private void observe() {
    cluster =
        new KubernetesCluster(
            "one",
            "{\"server\": \"http://127.0.0.1:%d\", \"namespace\": \"n\", \"worker_image\": \"w\"}"
                .formatted(server.getAddress().getPort()),
            Map.of(),
            "farm",
            clock,
            outside);
    await().until(cluster::answers);
  }

  private static PodRequest request() {
    return new PodRequest(
        POD,
        new Job("1", "build", List.of(), List.of(), "digest", Map.of()),
        Map.of(PodRequest.FARM, "farm", PodRequest.ATTEMPT, "1"),
        Set.of(),
        60);
  }

  private void read() throws ClusterException {
    LogChunk chunk = cluster.log(POD, position, 1000);
    position = chunk.position();
    text.append(new String(chunk.bytes(), StandardCharsets.UTF_8));
  }

  private void awaitText(String wanted) {
    await()
        .pollInterval(Duration.ofMillis(20))
        .untilAsserted(
            () -> {
              read();
              assertThat(text).hasToString(wanted);
            });
  }

  @Test
  void aCreateThatWorksMakesGoodTheOneThatFailed() throws Exception {
    observe();
    await().until(() -> told.equals(List.of("reached")));
    createAnswer = 429;
    assertThatThrownBy(() -> cluster.ensure(request())).isInstanceOf(ClusterException.class);
    assertThat(told).containsExactly("reached", "failed");
    assertThat(cluster.isWell()).isFalse();

    createAnswer = 201;
    cluster.ensure(request());

    assertThat(told).containsExactly("reached", "failed", "reached");
    assertThat(cluster.isWell()).isTrue();
  }

  @Test
  void isObservedFurtherWhateverGoesWrongOnTheWay() {
    whenReached =
        () -> {
          if (told.size() == 1) {
            throw new NoClassDefFoundError("a jar was replaced");
          }
        };
    observe();
    await().until(() -> told.equals(List.of("reached", "failed", "reached")));
  }

  @Test
  void aKubeletThatHasJustStartedAndKnowsNoLogIsAskedAgainWhileThePodRuns() {
    pod(RUNNING, 1);
    log =
        exchange -> {
          if (logs.get() == 1) {
            answer(exchange, 404, "{}");
          } else {
            sendAndHang(exchange, "2026-11-20T22:30:01Z one\n");
          }
        };
    observe();
    await()
        .pollInterval(Duration.ofMillis(20))
        .untilAsserted(
            () -> {
              now = now.plusMillis(1100);
              read();
              assertThat(text).hasToString("one\n");
            });
  }

  private void aLogThatFallsSilent() {
    pod(RUNNING, 1);
    log =
        exchange -> {
          if (logs.get() == 1) {
            sendAndHang(exchange, "2026-11-20T22:30:01Z one\n");
          } else {
            sendAndHang(exchange, "2026-11-20T22:30:01Z one\n2026-11-20T22:30:02Z two\n");
          }
        };
    observe();
    awaitText("one\n");
  }

  @Test
  void aLogOfWhichNothingCameForLongIsReadOnWithAnotherStream() throws Exception {
    aLogThatFallsSilent();
    now = now.plus(KubernetesCluster.LOG_SILENT);
    read();
    read();
    assertThat(logs).hasValue(1);

    now = now.plusMillis(1);
    awaitText("one\ntwo\n");
    assertThat(logs).hasValue(2);
  }

  @Test
  void theLastOfASilentLogIsReadAnewSoonAfterItsPodHasEnded() throws Exception {
    aLogThatFallsSilent();
    pod("{\"terminated\": {\"exitCode\": 0}}", 2);
    await().until(() -> cluster.see(POD).orElseThrow().phase() == Phase.ENDED);
    now = now.plus(KubernetesCluster.LOG_SILENT_ENDED);
    read();
    read();
    assertThat(logs).hasValue(1);

    now = now.plusMillis(1);
    awaitText("one\ntwo\n");
  }

  private Reason reasonOfAPodThatDoesNotStart() throws ClusterException {
    pod("{\"waiting\": {\"reason\": \"ContainerCreating\"}}", 1);
    observe();
    assertThat(cluster.see(POD)).isPresent();
    now = now.plusSeconds(31);
    Verdict verdict =
        cluster.see(POD).orElseThrow().waiting().verdict(Duration.ofSeconds(31)).orElseThrow();
    return ((Verdict.Failed) verdict).failure().reason();
  }

  @Test
  void aMountThatFailedBeforeTheImageWasPulledIsNotWhyAPodDoesNotStart() throws Exception {
    events =
        event("2026-11-20T22:30:09Z", "Normal", "Pulling")
            + event("2026-11-20T22:30:01Z", "Warning", "FailedMount");
    assertThat(reasonOfAPodThatDoesNotStart()).isEqualTo(Reason.WORKER_BROKEN);
  }

  @Test
  void aMountThatStillFailsIsWhyAPodDoesNotStart() throws Exception {
    events =
        event("2026-11-20T22:30:01Z", "Normal", "Scheduled")
            + event("2026-11-20T22:30:09Z", "Warning", "FailedMount");
    assertThat(reasonOfAPodThatDoesNotStart()).isEqualTo(Reason.MISSING_SECRET);
  }
}
