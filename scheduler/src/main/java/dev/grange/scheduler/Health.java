package dev.grange.scheduler;

import dev.grange.store.SchemaVersion;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.inject.Produces;
import java.sql.SQLException;
import java.util.List;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Liveness;
import org.eclipse.microprofile.health.Readiness;

/** What the scheduler says of itself. */
final class Health {
  private Health() {}

  /** Ready when the database answers and has every migration that this code needs. */
  @Produces
  @ApplicationScoped
  @Readiness
  static HealthCheck database(SchemaVersion schema) {
    return () -> {
      var answer = HealthCheckResponse.named("database").withData("needs", SchemaVersion.EXPECTED);
      try {
        int current = schema.current();
        return answer.withData("has", current).status(current >= SchemaVersion.EXPECTED).build();
      } catch (SQLException e) {
        return answer.withData("state", "does not answer").down().build();
      }
    };
  }

  /**
   * Alive while every loop goes round. One that has ended, or has not come round for a long time,
   * keeps the rest from getting anywhere while its leases are renewed: better to start anew.
   */
  @Produces
  @ApplicationScoped
  @Liveness
  static HealthCheck loops() {
    return () -> {
      List<String> stuck = Loop.stuck();
      var answer = HealthCheckResponse.named("loops").status(stuck.isEmpty());
      stuck.forEach(name -> answer.withData(name, "does not come round"));
      return answer.build();
    };
  }
}
