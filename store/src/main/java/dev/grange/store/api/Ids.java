package dev.grange.store.api;

import jakarta.enterprise.context.ApplicationScoped;
import java.security.SecureRandom;
import java.time.Clock;
import java.util.UUID;
import java.util.random.RandomGenerator;

/**
 * Makes ids: UUIDs of version 7 (RFC 9562), whose first 48 bits are milliseconds, so that rows that
 * are written together lie together in every index.
 */
@ApplicationScoped
public class Ids {
  private final Clock clock;
  private final RandomGenerator random;

  public Ids() {
    this(Clock.systemUTC(), new SecureRandom());
  }

  Ids(Clock clock, RandomGenerator random) {
    this.clock = clock;
    this.random = random;
  }

  public UUID next() {
    long version = 0x7000L | random.nextInt(0x1000);
    long variant = 0x8000_0000_0000_0000L | (random.nextLong() >>> 2);
    return new UUID(clock.millis() << 16 | version, variant);
  }
}
