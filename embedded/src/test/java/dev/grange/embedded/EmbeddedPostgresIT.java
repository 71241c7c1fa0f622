package dev.grange.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EmbeddedPostgresIT {
  @TempDir Path folder;
  EmbeddedPostgres.Options options;

  @BeforeEach
  void choosePort() {
    options =
        new EmbeddedPostgres.Options(
            folder.resolve("pg"), FreePorts.any(), true, folder.resolve("log/postgres.log"));
  }

  @Test
  void keepsItsDataFromStartToStart() throws Exception {
    try (EmbeddedPostgres postgres = EmbeddedPostgres.start(options)) {
      postgres.createDatabase("farm");
      execute(postgres, "CREATE TABLE build AS SELECT 7 AS id");
    }
    try (EmbeddedPostgres postgres = EmbeddedPostgres.start(options)) {
      assertThat(number(postgres, "SELECT id FROM build")).isEqualTo(7);
      assertThat(postgres.databaseExists("farm")).isTrue();
      assertThat(postgres.databaseExists("other")).isFalse();
    }
  }

  @Test
  void keepsWhatWasCommittedWhenItIsKilled() throws Exception {
    EmbeddedPostgres killed = EmbeddedPostgres.start(options);
    killed.createDatabase("farm");
    execute(killed, "CREATE TABLE build AS SELECT 8 AS id");
    killed.kill();
    assertThat(options.data().resolve("postmaster.pid")).exists();
    try (EmbeddedPostgres postgres = EmbeddedPostgres.start(options)) {
      assertThat(number(postgres, "SELECT id FROM build")).isEqualTo(8);
    }
  }

  @Test
  void asksForThePasswordAndKeepsItPrivate() throws Exception {
    try (EmbeddedPostgres postgres = EmbeddedPostgres.start(options)) {
      assertThatThrownBy(
              () ->
                  DriverManager.getConnection(
                      postgres.jdbcUrl("postgres"), EmbeddedPostgres.OWNER, "guess"))
          .isInstanceOf(SQLException.class)
          .extracting(e -> ((SQLException) e).getSQLState())
          .isEqualTo("28P01");
      assertThat(
              PosixFilePermissions.toString(Files.getPosixFilePermissions(options.passwordFile())))
          .isEqualTo("rw-------");
      assertThat(
              number(
                  postgres,
                  "postgres",
                  "SELECT count(*) FROM pg_hba_file_rules WHERE auth_method = 'trust'"))
          .isZero();
    }
  }

  @Test
  void leavesTheFirstInstanceAloneAndSaysSoToTheSecond() throws Exception {
    try (EmbeddedPostgres first = EmbeddedPostgres.start(options)) {
      assertThatThrownBy(() -> EmbeddedPostgres.start(options))
          .isInstanceOf(DirectoryLock.InUseException.class)
          .hasMessageContaining("in use by process " + ProcessHandle.current().pid());
      assertThat(number(first, "postgres", "SELECT 1")).isEqualTo(1);
    }
  }

  @Test
  void stopsAPostmasterThatLostItsJvmAndStartsAnew() throws Exception {
    EmbeddedPostgres orphan = EmbeddedPostgres.start(options);
    // As if the JVM had gone and the death signal had been lost: the process runs, the lock is
    // free.
    orphan.releaseLockOnly();
    try (EmbeddedPostgres postgres = EmbeddedPostgres.start(options)) {
      assertThat(ProcessHandle.of(orphan.pid()).filter(ProcessHandle::isAlive)).isEmpty();
      assertThat(number(postgres, "postgres", "SELECT 1")).isEqualTo(1);
    }
  }

  @Test
  void isNotFooledByAnOldPidFileWhoseNumberIsAnotherProgramNow() throws Exception {
    EmbeddedPostgres.start(options).kill();
    Path pidFile = options.data().resolve("postmaster.pid");
    String content = Files.readString(pidFile);
    Files.writeString(
        pidFile, ProcessHandle.current().pid() + content.substring(content.indexOf('\n')));
    try (EmbeddedPostgres postgres = EmbeddedPostgres.start(options)) {
      assertThat(number(postgres, "postgres", "SELECT 1")).isEqualTo(1);
    }
  }

  @Test
  void beginsAgainWhenItsFirstStartWasCutShort() throws Exception {
    Path unfinished = options.directory().resolve("data.new");
    Files.createDirectories(unfinished);
    Files.writeString(unfinished.resolve("PG_VERSION"), "18");
    try (EmbeddedPostgres postgres = EmbeddedPostgres.start(options)) {
      assertThat(number(postgres, "postgres", "SELECT 1")).isEqualTo(1);
    }
    assertThat(unfinished).doesNotExist();
  }

  @Test
  void reportsItsEnd() throws Exception {
    try (EmbeddedPostgres postgres = EmbeddedPostgres.start(options)) {
      assertThat(postgres.onExit()).isNotDone();
      ProcessHandle.of(postgres.pid()).orElseThrow().destroyForcibly();
      Awaitility.await().atMost(Duration.ofSeconds(10)).until(postgres.onExit()::isDone);
    }
  }

  private static void execute(EmbeddedPostgres postgres, String sql) throws SQLException {
    try (Connection connection = postgres.connect("farm");
        var statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private static int number(EmbeddedPostgres postgres, String sql) throws SQLException {
    return number(postgres, "farm", sql);
  }

  private static int number(EmbeddedPostgres postgres, String database, String sql)
      throws SQLException {
    try (Connection connection = postgres.connect(database);
        var statement = connection.createStatement();
        var rows = statement.executeQuery(sql)) {
      rows.next();
      return rows.getInt(1);
    }
  }
}
