package dev.grange.api.context;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;

/**
 * Counts what comes out of a decompressor, and stops it in time. A few kilobytes can unpack to
 * petabytes, and a header can announce a file name of gigabytes, which a reader would keep in
 * memory.
 */
final class Meter extends FilterInputStream {
  /** Below this even a file of zeros is no danger. */
  private static final long HARMLESS = 64L << 20;

  private final long maxBytes;
  private final long maxByRatio;
  private long count;
  private long ceiling = Long.MAX_VALUE;

  Meter(InputStream in, long packedBytes, long maxBytes, int maxRatio) {
    super(in);
    this.maxBytes = maxBytes;
    this.maxByRatio = Math.max(HARMLESS, Math.multiplyExact(packedBytes, (long) maxRatio));
  }

  /** How much was read so far. */
  long count() {
    return count;
  }

  /** Until {@link #freely}, no more than so many bytes may be read. */
  void atMost(long bytes) {
    ceiling = count + bytes;
  }

  void freely() {
    ceiling = Long.MAX_VALUE;
  }

  @Override
  public int read() throws IOException {
    int b = super.read();
    if (b >= 0) {
      add(1);
    }
    return b;
  }

  @Override
  public int read(byte[] bytes, int offset, int length) throws IOException {
    int n = super.read(bytes, offset, length);
    if (n > 0) {
      add(n);
    }
    return n;
  }

  /** Skipping would be reading all the same, and is counted. */
  @Override
  public long skip(long n) throws IOException {
    byte[] scratch = new byte[(int) Math.min(8192, Math.max(0, n))];
    long skipped = 0;
    while (skipped < n) {
      int read = read(scratch, 0, (int) Math.min(scratch.length, n - skipped));
      if (read < 0) {
        break;
      }
      skipped += read;
    }
    return skipped;
  }

  @Override
  public boolean markSupported() {
    return false;
  }

  private void add(long n) throws InvalidArchive {
    count += n;
    if (count > maxBytes) {
      throw new InvalidArchive("Unpacked it is larger than " + maxBytes + " bytes.");
    }
    if (count > maxByRatio) {
      throw new InvalidArchive("It unpacks to far more than was sent, as a bomb does.");
    }
    if (count > ceiling) {
      throw new InvalidArchive("A header of it is far too large.");
    }
  }
}
