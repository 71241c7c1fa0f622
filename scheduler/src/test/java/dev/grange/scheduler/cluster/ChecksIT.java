package dev.grange.scheduler.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import dev.grange.scheduler.FarmServices;
import dev.grange.scheduler.TestFarm;
import dev.grange.scheduler.TestRows;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;

@QuarkusTest
@WithTestResource(FarmServices.class)
class ChecksIT {
  @Inject Checks checks;

  TestFarm farm;

  @Test
  void aCheckSaysNothingAboutAConfigurationThatItHasNotSeen() throws SQLException {
    TestRows rows = new TestRows(farm.database());
    String cluster = "checked-" + UUID.randomUUID().toString().substring(0, 8);
    rows.cluster(cluster, 1, "linux/mips64le");
    rows.lease(cluster, 1);
    UUID request = farm.ask("check", cluster, "{}");
    ClusterReport report = ClusterReport.of(List.of(), Map.of());
    long seen = Long.parseLong(farm.one("SELECT version FROM cluster WHERE name = ?", cluster));
    farm.execute("UPDATE cluster SET version = version + 1 WHERE name = ?", cluster);

    checks.finish(cluster, seen, List.of(request), report);

    assertThat(farm.one("SELECT report FROM cluster WHERE name = ?", cluster)).isNull();
    assertThat(farm.one("SELECT answer FROM request WHERE id = ?", request)).isNull();

    checks.finish(cluster, seen + 1, List.of(request), report);

    assertThat(farm.one("SELECT report FROM cluster WHERE name = ?", cluster)).isNotNull();
    assertThat(farm.answer(request)).startsWith("DONE");
  }
}
