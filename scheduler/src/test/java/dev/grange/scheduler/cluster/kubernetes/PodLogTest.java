package dev.grange.scheduler.cluster.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.grange.scheduler.cluster.LogChunk;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.awaitility.core.ConditionFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** A log that is read on in the middle, against a kubelet that knows seconds only. */
class PodLogTest {
  private static final int MIB = 1024 * 1024;

  private record Line(String time, String text) {}

  private final List<Line> lines = new ArrayList<>();
  private int rotated;

  private void line(String time, String text) {
    lines.add(new Line("2026-11-20T22:30:" + time, text));
  }

  /** What the kubelet sends: lines that are not older than the second, each with its time. */
  private InputStream open(@Nullable Instant since) {
    StringBuilder sent = new StringBuilder();
    for (Line line : lines.subList(rotated, lines.size())) {
      if (since == null || !Instant.parse(line.time()).isBefore(since)) {
        sent.append(line.time()).append(' ').append(line.text()).append('\n');
      }
    }
    return new ByteArrayInputStream(sent.toString().getBytes(StandardCharsets.UTF_8));
  }

  private String whole() {
    StringBuilder all = new StringBuilder();
    lines.forEach(line -> all.append(line.text()).append('\n'));
    return all.toString();
  }

  private static String read(PodLog log, int limit) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    soon()
        .until(
            () -> {
              LogChunk chunk = log.take(limit);
              while (chunk.bytes().length > 0) {
                all.writeBytes(chunk.bytes());
                chunk = log.take(limit);
              }
              return log.end() != null;
            });
    return all.toString(StandardCharsets.UTF_8);
  }

  private static ConditionFactory soon() {
    return await().pollDelay(Duration.ZERO).pollInterval(Duration.ofMillis(2));
  }

  private PodLog log(String position) {
    return new PodLog("test", LogPosition.parse(position), this::open, () -> {});
  }

  private void someLines() {
    line("01.100000000Z", "one");
    line("01.100000000Z", "two of the same time");
    line("01.900000000Z", "");
    line("02.000000000Z", "four");
    line("02.500000000Z", "x".repeat(200));
    line("05.000000000Z", "six");
  }

  @Test
  void isReadAsItWasWritten() {
    someLines();
    assertThat(read(log(""), 1000)).isEqualTo(whole());
    assertThat(read(log(""), 1)).isEqualTo(whole());
  }

  @Test
  void isReadOnFromEveryByteWithoutARepeatAndWithoutAGap() {
    someLines();
    byte[] whole = whole().getBytes(StandardCharsets.UTF_8);
    for (int first = 1; first <= whole.length; first++) {
      PodLog log = log("");
      ByteArrayOutputStream begun = new ByteArrayOutputStream();
      LogPosition[] position = {LogPosition.START};
      int wanted = first;
      soon()
          .until(
              () -> {
                LogChunk chunk = log.take(wanted - begun.size());
                begun.writeBytes(chunk.bytes());
                position[0] = LogPosition.parse(chunk.position());
                return begun.size() == wanted;
              });
      log.close();
      assertThat(read(log(position[0].toString()), 1000))
          .as("after %d bytes, at %s", first, position[0])
          .isEqualTo(
              new String(Arrays.copyOfRange(whole, first, whole.length), StandardCharsets.UTF_8));
    }
  }

  @Test
  void aLineThatIsLongerThanWhatIsReadAtOnceIsWhole() {
    line("01.000000000Z", "y".repeat(300_000));
    line("02.000000000Z", "z");
    assertThat(read(log(""), 100_000)).isEqualTo(whole());
  }

  @Test
  void whatTheKubeletHasRotatedAwayIsMarked() {
    someLines();
    String position = new LogPosition(Instant.parse("2026-11-20T22:30:01.1Z"), 2, 0).toString();
    rotated = 3;
    assertThat(read(log(position), 1000))
        .isEqualTo(PodLog.GAP + "four\n" + "x".repeat(200) + "\nsix\n");
  }

  @Test
  void aGapInTheMiddleOfALineBeginsANewOne() {
    someLines();
    String position = new LogPosition(Instant.parse("2026-11-20T22:30:02Z"), 1, 150).toString();
    rotated = 5;
    assertThat(read(log(position), 1000)).isEqualTo("\n" + PodLog.GAP + "six\n");
  }

  @Test
  void nothingNewIsNoGap() {
    someLines();
    String position = new LogPosition(Instant.parse("2026-11-20T22:30:05Z"), 1, 0).toString();
    assertThat(read(log(position), 1000)).isEmpty();
  }

  @Test
  void aStreamThatBreaksSaysSo() {
    PodLog log =
        new PodLog(
            "test",
            LogPosition.START,
            _ -> {
              throw new IOException("connection reset");
            },
            () -> {});
    await().until(() -> log.end() != null);
    assertThat(log.end()).isEqualTo(PodLog.End.BROKEN);
  }

  @Test
  void aLogThatTheClusterDoesNotHaveIsGone() {
    PodLog log =
        new PodLog(
            "test",
            LogPosition.START,
            _ -> {
              throw new FileNotFoundException("pods \"test\" not found");
            },
            () -> {});
    await().until(() -> log.end() != null);
    assertThat(log.end()).isEqualTo(PodLog.End.GONE);
  }

  @Test
  void whoReadsAheadWaitsForWhoTakes() {
    line("01.000000000Z", "w".repeat(8 * MIB));
    AtomicInteger sent = new AtomicInteger();
    AtomicReference<Thread> reader = new AtomicReference<>();
    InputStream counted =
        new FilterInputStream(open(null)) {
          @Override
          public int read(byte[] to, int from, int most) throws IOException {
            reader.set(Thread.currentThread());
            int n = super.read(to, from, most);
            sent.addAndGet(Math.max(0, n));
            return n;
          }
        };
    PodLog log = new PodLog("test", LogPosition.START, _ -> counted, () -> {});
    soon()
        .until(
            () ->
                reader.get() != null
                    && Set.of(Thread.State.WAITING, Thread.State.TERMINATED)
                        .contains(reader.get().getState()));
    // a piece that has no room yet and what is buffered before that come on top
    assertThat(sent.get()).isBetween(MIB, MIB + 2 * 64 * 1024);
    assertThat(read(log, 64 * 1024)).isEqualTo(whole());
  }
}
