package dev.grange.embedded.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.grange.embedded.testing.TestServices.With;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class TestServicesIT {
  @Test
  void givesMigratedDatabasesThatShareNothing() throws Exception {
    TestServices services = TestServices.shared(With.REGISTRIES);
    TestDatabase one = services.newDatabase();
    TestDatabase other = services.newDatabase();
    services.register(one, 2);
    assertThat(count(one, one.buildService(), "registry")).isEqualTo(2);
    assertThat(count(other, other.buildService(), "registry")).isZero();
    assertThat(count(one, one.scheduler(), "cluster")).isEqualTo(1);
    assertThat(count(services.database(), services.database().owner(), "policy")).isEqualTo(1);
  }

  @Test
  void logsInAsEachRoleWithItsOwnRights() {
    TestDatabase database = TestServices.shared().newDatabase();
    assertThatThrownBy(() -> count(database, database.scheduler(), "token"))
        .isInstanceOf(SQLException.class)
        .extracting(e -> ((SQLException) e).getSQLState())
        .isEqualTo("42501");
  }

  @Test
  void startsEachServiceOnceAndNamesWhatWasNotAskedFor() throws Exception {
    TestServices services = TestServices.shared();
    assertThat(TestServices.shared(With.REGISTRIES)).isSameAs(services);
    assertThat(services.candidate()).isNotEqualTo(services.stable());
    try (TestServices own = TestServices.start()) {
      assertThatThrownBy(own::kafka).hasMessageContaining("With.KAFKA");
    }
  }

  @Test
  void leavesNothingBehind() throws Exception {
    long before = folders();
    try (TestServices services = TestServices.start(With.KAFKA)) {
      assertThat(services.quarkusConfig(services.database(), services.database().scheduler()))
          .containsEntry("quarkus.datasource.username", "grange_scheduler")
          .containsEntry("kafka.bootstrap.servers", services.kafka());
    }
    assertThat(folders()).isEqualTo(before);
  }

  private static long folders() throws Exception {
    try (Stream<Path> files = Files.list(Path.of("target"))) {
      return files.filter(file -> file.getFileName().toString().startsWith("services-")).count();
    }
  }

  private static int count(TestDatabase database, TestDatabase.Login login, String table)
      throws SQLException {
    try (Connection connection = database.connect(login);
        var statement = connection.createStatement();
        var rows = statement.executeQuery("SELECT count(*) FROM " + table)) {
      rows.next();
      return rows.getInt(1);
    }
  }
}
