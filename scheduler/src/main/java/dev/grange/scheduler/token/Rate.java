package dev.grange.scheduler.token;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * How often each address may ask: a bucket of tokens each. Thread-safe.
 *
 * <p>Many workers may share an address (their node's), so it is generous: it keeps one client from
 * using up a scheduler, no more.
 */
final class Rate {
  private static final double PER_SECOND = 200;
  private static final double BURST = 1000;
  private static final int MAX_ADDRESSES = 4096;

  private final Map<String, Bucket> buckets =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Bucket> eldest) {
          return size() > MAX_ADDRESSES;
        }
      };

  private static final class Bucket {
    private double left = BURST;
    private long nanos;
  }

  /**
   * Takes one.
   *
   * @param nanos as {@link System#nanoTime} counts
   * @return false when there is none
   */
  synchronized boolean take(String address, long nanos) {
    Bucket bucket = buckets.get(address);
    if (bucket == null) {
      bucket = new Bucket();
      bucket.nanos = nanos;
      buckets.put(address, bucket);
    }
    bucket.left = Math.min(BURST, bucket.left + (nanos - bucket.nanos) / 1e9 * PER_SECOND);
    bucket.nanos = nanos;
    if (bucket.left < 1) {
      return false;
    }
    bucket.left--;
    return true;
  }
}
