package dev.grange.scheduler;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.inject.Produces;
import java.security.SecureRandom;
import java.time.Clock;
import java.util.random.RandomGenerator;

/** Time and randomness, from one place, so that a test can give its own. */
class Sources {
  @Produces
  @ApplicationScoped
  Clock clock() {
    return Clock.systemUTC();
  }

  @Produces
  @ApplicationScoped
  RandomGenerator random() {
    return new SecureRandom();
  }
}
