package dev.grange.store;

import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.grange.db.Migrate;
import dev.grange.embedded.testing.TestDatabase;
import dev.grange.embedded.testing.TestDatabase.Login;
import dev.grange.embedded.testing.TestServices;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Who may write what, tried out as each role. The list of tables and columns is the database's own,
 * so a column that somebody adds is tried as well, and must be given an owner here.
 */
class RolesIT {
  private static final String REFUSED = "42501"; // insufficient_privilege

  /** The database writes it, and nobody else: refused before rights are looked at. */
  private static final String GENERATED_ALWAYS = "428C9";

  /**
   * What each role may do to each column: {@code I}nsert and {@code U}pdate of build-service, then
   * of the scheduler. {@code -} stands for all columns that have no line of their own.
   */
  private static final String OWNERS =
      """
      project.name                        I-  --
      project.description                 IU  --
      project.created_at                  --  --
      project.weight                      IU  --
      token.*                             I-  --
      token.created_at                    --  --
      token.revoked_at                    -U  --
      registry.name                       I-  --
      registry.role                       I-  --
      registry.url                        IU  --
      registry.created_at                 --  --
      cluster.name                        I-  --
      cluster.kind                        IU  --
      cluster.desired                     I-  -U
      cluster.slots                       IU  --
      cluster.platforms                   IU  --
      cluster.weight                      IU  --
      cluster.labels                      IU  --
      cluster.config                      IU  --
      cluster.created_at                  --  --
      cluster.reachable                   --  -U
      cluster.reachable_changed_at        --  -U
      cluster.last_error                  --  -U
      cluster.features                    --  -U
      cluster.version                     -U  --
      cluster.note                        --  -U
      cluster.desired_by                  --  -U
      cluster.desired_at                  --  -U
      cluster.drain_now                   --  -U
      cluster.drain_deadline              --  -U
      cluster.drained_at                  --  -U
      cluster.resume_at                   --  -U
      cluster.removed_at                  -U  -U
      cluster.report                      --  -U
      cluster.checked_at                  --  -U
      cluster.errors                      --  -U
      cluster.not_before                  --  -U
      context.*                           I-  --
      context.created_at                  --  --
      build.*                             I-  --
      build.created_at                    --  --
      build.state                         --  -U
      build.started_at                    --  -U
      build.finished_at                   --  -U
      build.candidate_repository          --  -U
      build.candidate_digest              --  -U
      build.fault                         --  -U
      build.reason                        --  -U
      build.message                       --  -U
      build.index_epoch                   --  -U
      build.index_holder                  --  -U
      build.index_until                   --  -U
      build.index_tries                   --  -U
      idempotency_key.*                   I-  --
      idempotency_key.created_at          --  --
      request.*                           I-  --
      request.created_at                  --  --
      request.answer                      --  -U
      request.answer_text                 --  -U
      request.answered_at                 --  -U
      execution.*                         I-  --
      execution.created_at                --  --
      execution.queue_deadline            I-  -U
      execution.state                     --  -U
      execution.not_before                --  -U
      execution.tries                     --  -U
      execution.interruptions             --  -U
      execution.refused                   --  -U
      execution.finished_at               --  -U
      execution.queued_at                 --  -U
      execution.lane                      --  --
      platform_build.*                    I-  --
      platform_build.created_at           --  --
      platform_build.state                --  -U
      platform_build.started_at           --  -U
      platform_build.finished_at          --  -U
      platform_build.attempt_id           --  -U
      platform_build.digest               --  -U
      platform_build.fault                --  -U
      platform_build.reason               --  -U
      platform_build.message              --  -U
      policy.*                            I-  --
      policy.created_at                   --  --
      waiver.*                            I-  --
      waiver.created_at                   --  --
      waiver.revoked_at                   -U  --
      waiver.revoked_by                   -U  --
      release.*                           --  IU
      test_run.*                          --  IU
      promotion.*                         --  IU
      promotion_target.*                  --  IU
      attempt.*                           --  IU
      placement_lane.*                    --  IU
      lease.*                             --  IU
      material.*                          --  I-
      log_chunk.*                         --  I-
      outbox.*                            I-  I-
      outbox.id                           --  I-
      outbox.created_at                   --  I-
      outbox.sent_at                      --  IU
      flyway_schema_history.*             --  --
      """;

  /**
   * The columns that both write, and why that is no race. Everything else has one writer.
   *
   * <ul>
   *   <li>outbox: both append facts, each its own; nobody changes one
   *   <li>execution.queue_deadline: written with the submission; the scheduler moves it when it
   *       puts the execution back into the queue, since waiting has a clock of its own
   *   <li>cluster.desired: written with the registration; from then on the scheduler's, which
   *       answers requests
   *   <li>cluster.removed_at: the scheduler sets it where it is null, a new registration clears it
   *       where it is not
   * </ul>
   */
  private static final Set<String> SHARED =
      Set.of(
          "execution.queue_deadline",
          "cluster.desired",
          "cluster.removed_at",
          "outbox.event_id",
          "outbox.topic",
          "outbox.key",
          "outbox.type",
          "outbox.source",
          "outbox.subject",
          "outbox.payload");

  /** Whose rows may go. */
  private static final Map<String, String> DELETES =
      Map.of("placement_lane", "scheduler", "lease", "scheduler");

  private static TestDatabase database;

  private record Column(String table, String name) {
    @Override
    public String toString() {
      return table + "." + name;
    }
  }

  private record Rights(String buildService, String scheduler) {}

  @BeforeAll
  static void start() {
    database = TestServices.shared().database();
  }

  private static List<Column> columns() throws SQLException {
    List<Column> columns = new ArrayList<>();
    try (Connection connection = database.connect(database.owner());
        Statement statement = connection.createStatement();
        ResultSet rows =
            statement.executeQuery(
                """
                SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
                JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped
                ORDER BY 1, a.attnum
                """)) {
      while (rows.next()) {
        columns.add(new Column(rows.getString(1), rows.getString(2)));
      }
    }
    return columns;
  }

  private static Map<String, Rights> owners() {
    Map<String, Rights> owners = new TreeMap<>();
    OWNERS
        .lines()
        .map(line -> line.split("\\s+", -1))
        .forEach(words -> owners.put(words[0], new Rights(words[1], words[2])));
    return owners;
  }

  private static Rights rights(Column column) {
    Map<String, Rights> owners = owners();
    Rights own = owners.get(column.toString());
    return own != null ? own : owners.get(column.table() + ".*");
  }

  /** Whether the role may; the statement finds no row and writes nothing. */
  private static boolean may(Connection connection, String sql) {
    try (Statement statement = connection.createStatement()) {
      statement.execute("SAVEPOINT s");
      try {
        statement.execute(sql);
        return true;
      } catch (SQLException e) {
        // a statement that PostgreSQL plans and then refuses for another reason was permitted
        return !Set.of(REFUSED, GENERATED_ALWAYS).contains(e.getSQLState());
      } finally {
        statement.execute("ROLLBACK TO s");
      }
    } catch (SQLException e) {
      throw new AssertionError(sql, e);
    }
  }

  private static String tried(Connection connection, Column column) {
    String name = "\"" + column.name() + "\"";
    boolean insert =
        may(
            connection,
            "INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s WHERE false"
                .formatted(column.table(), name, cast(column), "(SELECT 1) x"));
    boolean update =
        may(
            connection,
            "UPDATE %s SET %s = %s WHERE false".formatted(column.table(), name, cast(column)));
    return (insert ? "I" : "-") + (update ? "U" : "-");
  }

  private static String cast(Column column) {
    return "NULL::" + types().get(column.toString());
  }

  private static Map<String, String> types() {
    Map<String, String> types = TYPES;
    if (types.isEmpty()) {
      try (Connection connection = database.connect(database.owner());
          Statement statement = connection.createStatement();
          ResultSet rows =
              statement.executeQuery(
                  """
                  SELECT c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod)
                  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
                  WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
                  """)) {
        while (rows.next()) {
          types.put(rows.getString(1), rows.getString(2));
        }
      } catch (SQLException e) {
        throw new AssertionError(e);
      }
    }
    return types;
  }

  private static final Map<String, String> TYPES = new TreeMap<>();

  @TestFactory
  List<DynamicTest> everyColumnIsWrittenByWhoOwnsItAndRefusedToTheOther() throws SQLException {
    List<Column> columns = columns();
    assertThat(columns).hasSizeGreaterThan(150);
    Map<Column, Rights> seen = new TreeMap<>(Comparator.comparing(Column::toString));
    try (Connection buildService = database.connect(database.buildService());
        Connection scheduler = database.connect(database.scheduler())) {
      buildService.setAutoCommit(false);
      scheduler.setAutoCommit(false);
      for (Column column : columns) {
        seen.put(column, new Rights(tried(buildService, column), tried(scheduler, column)));
      }
    }
    return seen.entrySet().stream()
        .map(
            entry ->
                DynamicTest.dynamicTest(
                    entry.getKey().toString(),
                    () -> {
                      assertThat(rights(entry.getKey()))
                          .as("every column has an owner; give %s one", entry.getKey())
                          .isNotNull();
                      assertThat(entry.getValue()).isEqualTo(rights(entry.getKey()));
                    }))
        .toList();
  }

  @Test
  void exceptForTheColumnsThatAreSharedOnPurposeEachHasOneWriter() throws SQLException {
    Set<String> shared = new TreeSet<>();
    for (Column column : columns()) {
      Rights rights = rights(column);
      if (!rights.buildService().equals("--") && !rights.scheduler().equals("--")) {
        shared.add(column.toString());
      }
    }
    assertThat(shared).isEqualTo(new TreeSet<>(SHARED));
  }

  @Test
  void noTableInTheListIsGone() throws SQLException {
    List<String> tables = columns().stream().map(Column::table).distinct().toList();
    List<String> names = columns().stream().map(Column::toString).toList();
    for (String owned : owners().keySet()) {
      if (owned.endsWith(".*")) {
        assertThat(tables).contains(owned.substring(0, owned.length() - 2));
      } else {
        assertThat(names).contains(owned);
      }
    }
  }

  @Test
  void nobodyDeletesOrTruncatesAnythingButWhyItWaitsAndWhoWasThere() throws SQLException {
    for (String table : new TreeSet<>(columns().stream().map(Column::table).toList())) {
      for (Login login : List.of(database.buildService(), database.scheduler())) {
        try (Connection connection = database.connect(login)) {
          connection.setAutoCommit(false);
          boolean owner = login.user().equals("grange_" + DELETES.getOrDefault(table, "nobody"));
          assertThat(may(connection, "DELETE FROM " + table + " WHERE false"))
              .as("%s deletes from %s", login, table)
              .isEqualTo(owner);
          assertThat(may(connection, "TRUNCATE " + table))
              .as("%s truncates %s", login, table)
              .isFalse();
        }
      }
    }
  }

  @Test
  void theSchedulerSeesNoTokenAndNoIdempotencyKey() throws SQLException {
    try (Connection scheduler = database.connect(database.scheduler())) {
      scheduler.setAutoCommit(false);
      for (Column column : columns()) {
        boolean secret = Set.of("token", "idempotency_key").contains(column.table());
        assertThat(
                may(
                    scheduler,
                    "SELECT \"" + column.name() + "\" FROM " + column.table() + " LIMIT 0"))
            .as(column.toString())
            .isEqualTo(!secret);
      }
    }
  }

  @Test
  void buildServiceSeesNoLease() throws SQLException {
    try (Connection connection = database.connect(database.buildService())) {
      connection.setAutoCommit(false);
      assertThat(may(connection, "SELECT holder FROM lease")).isFalse();
      assertThat(may(connection, "SELECT sent_at FROM outbox")).isTrue();
    }
  }

  @Test
  void noRoleChangesTheSchemaOrMakesItselfMore() throws SQLException {
    for (Login login : List.of(database.buildService(), database.scheduler())) {
      try (Connection connection = database.connect(login)) {
        connection.setAutoCommit(false);
        for (String ddl :
            List.of(
                "CREATE TABLE mine (id int)",
                "CREATE SCHEMA mine",
                "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
                "ALTER TABLE build ADD COLUMN mine int",
                "DROP TABLE log_chunk",
                "CREATE INDEX mine ON build (image)",
                "CREATE ROLE mine",
                "GRANT ALL ON build TO " + login.user(),
                "ALTER ROLE " + login.user() + " SUPERUSER",
                "SET ROLE grange_owner",
                "COPY build TO PROGRAM 'true'",
                "SELECT pg_read_file('/etc/passwd')")) {
          boolean permitted = may(connection, ddl);
          if (ddl.startsWith("GRANT")) {
            // PostgreSQL warns and grants nothing
            continue;
          }
          assertThat(permitted).as("%s: %s", login, ddl).isFalse();
        }
      }
    }
  }

  @Test
  void neitherRoleHasAnyAttributeOfItsOwn() throws SQLException {
    try (Connection connection = database.connect(database.owner());
        Statement statement = connection.createStatement();
        ResultSet rows =
            statement.executeQuery(
                """
                SELECT rolname FROM pg_roles WHERE rolname IN ('grange_build_service', 'grange_scheduler')
                AND NOT rolsuper AND NOT rolcreatedb AND NOT rolcreaterole AND NOT rolreplication AND NOT rolbypassrls AND rolcanlogin
                AND NOT EXISTS (SELECT FROM pg_auth_members m WHERE m.member = pg_roles.oid)
                """)) {
      int found = 0;
      while (rows.next()) {
        found++;
      }
      assertThat(found).isEqualTo(2);
    }
  }

  @Test
  void theSchemaIsMigratedOnceAndMigratingAgainDoesNothing() {
    Login owner = database.owner();
    assertThat(Migrate.migrate(database.jdbcUrl(), owner.user(), owner.password())).isZero();
  }

  @Test
  void anApplicationsRoleCannotMigrate() {
    TestDatabase other = TestServices.shared().newDatabase();
    Login scheduler = other.scheduler();
    assertThatThrownBy(
            () -> {
              try (Connection owner = other.connect(other.owner());
                  Statement statement = owner.createStatement()) {
                // the newest: one in the middle is another mistake
                statement.execute(
                    "DELETE FROM flyway_schema_history WHERE version::int ="
                        + " (SELECT max(version::int) FROM flyway_schema_history)");
              }
              Migrate.migrate(other.jdbcUrl(), scheduler.user(), scheduler.password());
            })
        .hasMessageMatching("(?s).*(permission denied|must be owner).*");
  }

  @Test
  void theListIsWrittenSoThatPeopleCanReadIt() {
    assertThat(OWNERS.lines())
        .allMatch(line -> line.matches("[a-z_]+\\.([a-z_]+|\\*) +[I-][U-]  [I-][U-]"));
    assertThat(Arrays.stream(OWNERS.split("\n", -1)).collect(joining())).doesNotContain("\t");
  }
}
