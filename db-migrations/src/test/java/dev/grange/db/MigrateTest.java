package dev.grange.db;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;

class MigrateTest {
  @Test
  void missingSettingsAreAUsageError() {
    assertThat(Migrate.run(Map.of())).isEqualTo(2);
    assertThat(Migrate.run(Map.of("GRANGE_DB_URL", "jdbc:postgresql://127.0.0.1/x"))).isEqualTo(2);
  }

  @Test
  void anUnreachableDatabaseIsAFailure() {
    assertThat(
            Migrate.run(
                Map.of(
                    "GRANGE_DB_URL",
                    "jdbc:postgresql://127.0.0.1:1/none?connectTimeout=2",
                    "GRANGE_DB_USER",
                    "nobody",
                    "GRANGE_DB_PASSWORD",
                    "")))
        .isEqualTo(1);
  }
}
