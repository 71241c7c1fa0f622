package dev.grange.api.farm;

import dev.grange.store.SchemaVersion;
import java.sql.SQLException;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;

/** Ready when the database answers and has every migration that this code needs. */
@org.eclipse.microprofile.health.Readiness
final class Readiness implements HealthCheck {
  private final SchemaVersion schema;

  Readiness(SchemaVersion schema) {
    this.schema = schema;
  }

  @Override
  public HealthCheckResponse call() {
    var answer = HealthCheckResponse.named("database").withData("needs", SchemaVersion.EXPECTED);
    try {
      int current = schema.current();
      return answer.withData("has", current).status(current >= SchemaVersion.EXPECTED).build();
    } catch (SQLException e) {
      return answer.withData("state", "does not answer").down().build();
    }
  }
}
