package dev.grange.scheduler;

import jakarta.enterprise.context.ApplicationScoped;
import java.time.Clock;
import java.util.UUID;
import java.util.random.RandomGenerator;

/**
 * UUIDs of version 7 (RFC 9562, 5.7): their order is nearly that of their making, which keeps
 * indexes dense.
 */
@ApplicationScoped
public class Uuids {
  private final Clock clock;
  private final RandomGenerator random;

  Uuids(Clock clock, RandomGenerator random) {
    this.clock = clock;
    this.random = random;
  }

  public UUID next() {
    long high = clock.millis() << 16 | 0x7000 | random.nextInt(0x1000);
    long low = 0x8000000000000000L | random.nextLong() >>> 2;
    return new UUID(high, low);
  }
}
