package dev.grange.scheduler.cluster.kubernetes;

import dev.grange.scheduler.cluster.LogChunk;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * One followed stream of a container's log, each line with its time. A thread of its own reads
 * ahead, and waits when nobody takes what it has read.
 *
 * <p>What is lost between the position and the beginning of the stream, because the kubelet has
 * rotated the log meanwhile, is marked by a line of its own.
 */
final class PodLog implements AutoCloseable {
  private static final Logger LOG = Logger.getLogger(PodLog.class);
  static final String GAP = "::grange::log::gap the cluster has lost a part of the log here\n";
  private static final int PIECE = 64 * 1024;

  /** Bytes that nobody has taken yet: more than one piece, or nothing would ever go on. */
  private static final int AHEAD = 1024 * 1024;

  /** How it ended. */
  enum End {
    /** All that the container wrote was delivered, if the container has ended. */
    CLEAN,
    /** There is no log of it any more. */
    GONE,
    BROKEN
  }

  /** Opens the stream: from a second on, or from the beginning. */
  interface Source {
    /**
     * Opens it.
     *
     * @throws FileNotFoundException if the cluster has no such log, or no longer
     */
    InputStream open(@Nullable Instant since) throws IOException;
  }

  /** Bytes, and the positions before and after them. */
  private static final class Piece {
    private final byte[] bytes;
    private final LogPosition after;
    private final LogPosition before;

    Piece(byte[] bytes, LogPosition after, LogPosition before) {
      this.bytes = bytes;
      this.after = after;
      this.before = before;
    }
  }

  private final Deque<Piece> pieces = new ArrayDeque<>();
  private final Runnable grown;
  private final LogPosition start;
  private LogPosition taken;
  private LogPosition read;
  private int waiting;
  private @Nullable End end;
  private boolean closed;
  private boolean gapped;
  private @Nullable InputStream stream;

  /**
   * Begins to read.
   *
   * @param grown called when there is something to take
   */
  PodLog(String name, LogPosition start, Source source, Runnable grown) {
    this.start = start;
    this.taken = start;
    this.read = start;
    this.grown = grown;
    Thread.ofVirtual().name("log-" + name).start(() -> run(source));
  }

  synchronized LogPosition taken() {
    return taken;
  }

  /** How it ended; null while it is read, or while something of it was not yet taken. */
  synchronized @Nullable End end() {
    return pieces.isEmpty() ? end : null;
  }

  /** Takes what was read, at most so many bytes. */
  synchronized LogChunk take(int limit) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    while (out.size() < limit) {
      Piece piece = pieces.poll();
      if (piece == null) {
        break;
      }
      int room = limit - out.size();
      if (piece.bytes.length <= room) {
        out.writeBytes(piece.bytes);
        taken = piece.after;
      } else {
        out.write(piece.bytes, 0, room);
        taken = piece.before.within(room);
        pieces.addFirst(
            new Piece(
                Arrays.copyOfRange(piece.bytes, room, piece.bytes.length), piece.after, taken));
      }
    }
    waiting -= out.size();
    notifyAll();
    return new LogChunk(out.toByteArray(), taken.toString(), false);
  }

  @Override
  public synchronized void close() {
    closed = true;
    notifyAll();
    InputStream open = stream;
    if (open != null) {
      try {
        open.close();
      } catch (IOException | UncheckedIOException e) {
        LOG.debugf("closing a log: %s", e.getMessage());
      }
    }
  }

  private void run(Source source) {
    End how = End.BROKEN;
    try (InputStream in = new BufferedInputStream(source.open(start.second()), PIECE)) {
      synchronized (this) {
        if (closed) {
          return;
        }
        stream = in;
      }
      copy(in);
      how = End.CLEAN;
    } catch (FileNotFoundException e) {
      how = End.GONE;
    } catch (IOException | UncheckedIOException e) {
      LOG.debugf("%s broke: %s", Thread.currentThread().getName(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      synchronized (this) {
        end = how;
      }
      grown.run();
    }
  }

  private void copy(InputStream in) throws IOException, InterruptedException {
    Instant time = skipLines(in);
    long skip = gapped ? 0 : start.skip();
    while (!isClosed()) {
      if (time == null) {
        time = time(in);
        if (time == null) {
          return;
        }
      }
      boolean more = true;
      while (more) {
        byte[] bytes = piece(in);
        more = bytes.length > 0 && bytes[bytes.length - 1] != '\n';
        if (bytes.length == 0) {
          // the container ended in the middle of a line
          return;
        }
        if (skip >= bytes.length) {
          skip -= bytes.length;
          if (!more) {
            add(new byte[0], read.afterLine(time));
          }
          continue;
        }
        byte[] rest = skip == 0 ? bytes : Arrays.copyOfRange(bytes, (int) skip, bytes.length);
        skip = 0;
        add(rest, more ? read.within(rest.length) : read.afterLine(time));
      }
      skip = 0;
      time = null;
    }
  }

  /**
   * Reads over the lines that were taken before.
   *
   * @return the time of a line that was begun to read and was not taken before; null if none was
   */
  private @Nullable Instant skipLines(InputStream in) throws IOException, InterruptedException {
    Instant last = start.last();
    if (last == null) {
      return null;
    }
    Instant time = null;
    for (int i = 0; i < start.lines(); i++) {
      time = time(in);
      if (time == null || time.isAfter(last)) {
        gap();
        return time;
      }
      boolean more = true;
      while (more) {
        byte[] bytes = piece(in);
        more = bytes.length > 0 && bytes[bytes.length - 1] != '\n';
      }
    }
    if (time != null && !time.equals(last)) {
      gap();
    }
    return null;
  }

  private void gap() throws InterruptedException {
    gapped = true;
    String mark = start.skip() > 0 ? "\n" + GAP : GAP;
    LogPosition here = new LogPosition(start.last(), start.lines(), 0);
    synchronized (this) {
      read = here;
    }
    add(mark.getBytes(StandardCharsets.UTF_8), here);
  }

  private synchronized boolean isClosed() {
    return closed;
  }

  private synchronized void add(byte[] bytes, LogPosition after) throws InterruptedException {
    while (waiting + bytes.length > AHEAD && !closed) {
      wait();
    }
    pieces.add(new Piece(bytes, after, read));
    waiting += bytes.length;
    read = after;
    grown.run();
  }

  /** The time at the beginning of a line; null at the end. */
  private static @Nullable Instant time(InputStream in) throws IOException {
    ByteArrayOutputStream word = new ByteArrayOutputStream();
    for (int c = in.read(); c != ' '; c = in.read()) {
      if (c < 0 && word.size() == 0) {
        return null;
      }
      if (c < 0 || c == '\n' || word.size() > 64) {
        throw new IOException("the log is not as asked for: a line lacks its time");
      }
      word.write(c);
    }
    try {
      return OffsetDateTime.parse(word.toString(StandardCharsets.US_ASCII)).toInstant();
    } catch (DateTimeParseException e) {
      throw new IOException("the log is not as asked for: a line lacks its time", e);
    }
  }

  /** Up to the end of the line, but not too much at once; empty at the end. */
  private static byte[] piece(InputStream in) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    while (out.size() < PIECE) {
      int c = in.read();
      if (c < 0) {
        break;
      }
      out.write(c);
      if (c == '\n') {
        break;
      }
    }
    return out.toByteArray();
  }
}
