package dev.grange.api.stream;

import dev.grange.api.build.BuildWatch;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.core.StreamingOutput;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Writes server-sent events (HTML Living Standard, section 9.2) from a virtual thread. A client
 * that has gone is noticed at the next event or ping.
 */
public final class EventStream {
  public static final String MEDIA_TYPE = "text/event-stream";

  /** Proxies cut connections that say nothing for a minute. */
  private static final Duration PING = Duration.ofSeconds(15);

  private final OutputStream out;

  private EventStream(OutputStream out) {
    this.out = out;
  }

  /** What is written while the request lasts. */
  @FunctionalInterface
  public interface Source {
    void writeTo(EventStream stream) throws Exception;
  }

  /** A response that streams from {@code source}. */
  public static Response response(Source source) {
    StreamingOutput body =
        out -> {
          EventStream stream = new EventStream(out);
          stream.write("retry: 2000\n\n");
          try {
            source.writeTo(stream);
          } catch (IOException e) {
            throw e;
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          } catch (Exception e) {
            // The head of the answer is out: all that is left is to break off. The client comes
            // back
            // with Last-Event-ID, and gets a proper answer if the trouble lasts.
            throw new IOException("event stream broken off", e);
          }
        };
    return Response.ok(body, MEDIA_TYPE)
        .header("Cache-Control", "no-store")
        // nginx would hold events back until its buffer is full
        .header("X-Accel-Buffering", "no")
        .build();
  }

  /** Whether the caller's Accept header wants a stream rather than a document. */
  public static boolean isWanted(@Nullable List<String> accept) {
    return accept != null && accept.stream().anyMatch(value -> value.contains(MEDIA_TYPE));
  }

  /**
   * Writes an event.
   *
   * @param data one line: JSON
   */
  public void event(@Nullable String name, @Nullable String id, String data) throws IOException {
    StringBuilder text = new StringBuilder();
    if (name != null) {
      text.append("event: ").append(name).append('\n');
    }
    if (id != null) {
      text.append("id: ").append(id).append('\n');
    }
    text.append("data: ").append(data).append("\n\n");
    write(text.toString());
  }

  /** Says that nothing more comes; a client that reconnects gets the same again. */
  public void end() throws IOException {
    event("end", null, "{}");
  }

  /** Waits for a hint, or until the time is up, and meanwhile keeps the connection warm. */
  public void await(BuildWatch.Watch watch, Duration atMost)
      throws IOException, InterruptedException {
    long deadline = System.nanoTime() + atMost.toNanos();
    for (long left = atMost.toNanos(); left > 0; left = deadline - System.nanoTime()) {
      if (watch.await(Duration.ofNanos(Math.min(left, PING.toNanos())))) {
        return;
      }
      write(": ping\n\n");
    }
  }

  private void write(String text) throws IOException {
    out.write(text.getBytes(StandardCharsets.UTF_8));
    out.flush();
  }
}
