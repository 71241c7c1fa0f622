package dev.grange.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.grange.embedded.testing.TestDatabase;
import dev.grange.embedded.testing.TestServices;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What the tables refuse, whoever writes: one case for each rule. */
class ConstraintsIT {
  private static final String CHECK = "23514";
  private static final String UNIQUE = "23505";
  private static final String FOREIGN_KEY = "23503";
  private static final String NOT_NULL = "23502";

  /** A farm with one of each thing, in states that are legal. */
  private static final String FARM =
      """
      INSERT INTO registry (name, url, role) VALUES ('candidate', 'http://127.0.0.1:5000', 'candidate'), ('stable', 'http://127.0.0.1:5001', 'stable');
      INSERT INTO cluster (name, kind, slots, platforms) VALUES ('local', 'local', 2, ARRAY['linux/amd64']);
      INSERT INTO context (project, digest, artifact, blob, size_bytes, entries, principal) VALUES ('default', D, D, D, 1, 1, 'p');
      INSERT INTO token (id, hash, principal, roles) VALUES (U1, decode(repeat('00', 32), 'hex'), 'p', ARRAY['admin']);
      INSERT INTO build (id, project, image, containerfile, platforms, timeout_seconds, queue_seconds, principal)
        VALUES (U1, 'default', 'hello', 'FROM scratch', ARRAY['linux/amd64'], 60, 60, 'p');
      INSERT INTO idempotency_key (principal, key, body, build_id) VALUES ('p', 'k', decode(repeat('00', 32), 'hex'), U1);
      INSERT INTO request (id, principal, command, build_id, target) VALUES (U1, 'p', 'cancel', U1, 'x');
      INSERT INTO execution (id, project, platform, input_digest, build_id, queue_deadline) VALUES (U1, 'default', 'linux/amd64', D, U1, now());
      INSERT INTO platform_build (id, build_id, platform, execution_id) VALUES (U1, U1, 'linux/amd64', U1);
      INSERT INTO attempt (id, kind, execution_id, number, cluster, epoch, pod_name, deadline, repository)
        VALUES (U1, 'BUILD', U1, 1, 'local', 1, 'pod-1', now(), 'attempts/1');
      INSERT INTO release (id, build_id, policy, policy_version, digest) VALUES (U1, U1, 'default', 1, D);
      INSERT INTO test_run (id, release_id, test_case, platform, digest, command, timeout_seconds) VALUES (U1, U1, 'smoke', 'linux/amd64', D, '[]', 60);
      INSERT INTO attempt (id, kind, test_run_id, number, cluster, epoch, pod_name, deadline) VALUES (U2, 'TEST', U1, 1, 'local', 1, 'pod-2', now());
      INSERT INTO waiver (id, project, digest, test_case, comment, principal) VALUES (U1, 'default', D, 'smoke', 'why', 'p');
      INSERT INTO promotion (id, release_id) VALUES (U1, U1);
      INSERT INTO promotion_target (id, promotion_id, registry, repository, tags) VALUES (U1, U1, 'stable', 'r', '{}');
      INSERT INTO log_chunk (attempt_id, start_offset, data) VALUES (U1, 0, 'x');
      INSERT INTO lease (name, holder, epoch, expires_at) VALUES ('relay', 'h', 1, now());
      INSERT INTO outbox (event_id, topic, key, type, source, subject, payload) VALUES ('e', 't', 'k', 'y', 's', 'u', '{}');
      """;

  /** Each line: the SQLSTATE, and what must be refused with it. */
  private static final String REFUSED =
      """
      23514 INSERT INTO project (name) VALUES ('Not-A-Name')
      23514 INSERT INTO project (name) VALUES ('-a')
      23514 UPDATE token SET hash = 'short'
      23514 UPDATE token SET principal = ''
      23514 UPDATE token SET roles = '{}'
      23514 UPDATE token SET roles = ARRAY['king']
      23514 UPDATE token SET project = 'default'
      23514 UPDATE token SET project = 'default', roles = ARRAY['viewer', 'operator']
      23503 UPDATE token SET project = 'none', roles = ARRAY['viewer']
      23505 INSERT INTO token (id, hash, principal, roles) VALUES (U2, decode(repeat('00', 32), 'hex'), 'q', ARRAY['viewer'])
      23514 INSERT INTO registry (name, url, role) VALUES ('X', 'http://a', 'stable')
      23514 INSERT INTO registry (name, url, role) VALUES ('x', 'http://a/path', 'stable')
      23514 INSERT INTO registry (name, url, role) VALUES ('x', 'ftp://a', 'stable')
      23514 INSERT INTO registry (name, url, role) VALUES ('x', 'http://a', 'other')
      23505 INSERT INTO registry (name, url, role) VALUES ('x', 'http://a', 'candidate')
      23514 INSERT INTO cluster (name, kind, slots, platforms) VALUES ('X', 'local', 1, ARRAY['linux/amd64'])
      23514 UPDATE cluster SET kind = 'other'
      23514 UPDATE cluster SET desired = 'GONE'
      23514 UPDATE cluster SET slots = -1
      23514 UPDATE cluster SET slots = 10001
      23514 UPDATE cluster SET platforms = '{}'
      23514 UPDATE cluster SET weight = 0
      23514 UPDATE cluster SET weight = 1001
      23514 UPDATE cluster SET version = 0
      23514 UPDATE cluster SET note = repeat('n', 1001)
      23514 UPDATE cluster SET errors = -1
      23514 UPDATE cluster SET desired = 'CORDONED', drain_now = true
      23514 UPDATE cluster SET desired = 'CORDONED', drain_deadline = now()
      23514 UPDATE cluster SET drained_at = now()
      23514 UPDATE cluster SET resume_at = now()
      23514 UPDATE cluster SET removed_at = now()
      23514 UPDATE cluster SET report = '{}'
      23514 UPDATE cluster SET checked_at = now()
      23514 UPDATE context SET digest = 'sha256:x'
      23514 UPDATE context SET artifact = 'x'
      23514 UPDATE context SET blob = 'x'
      23514 UPDATE context SET size_bytes = -1
      23514 UPDATE context SET entries = -1
      23514 UPDATE build SET image = ''
      23514 UPDATE build SET containerfile = ''
      23514 UPDATE build SET platforms = '{}'
      23514 UPDATE build SET priority = 101
      23514 UPDATE build SET timeout_seconds = 0
      23514 UPDATE build SET queue_seconds = 0
      23503 UPDATE build SET context = 'sha256:' || repeat('1', 64)
      23503 UPDATE build SET retry_of = U2
      23514 UPDATE build SET state = 'DONE'
      23514 UPDATE build SET candidate_digest = 'x', candidate_repository = 'r', state = 'SUCCEEDED', started_at = now(), finished_at = now()
      23514 UPDATE build SET fault = 'OTHER', reason = 'r', message = 'm', state = 'FAILED', finished_at = now()
      23514 UPDATE build SET finished_at = now()
      23514 UPDATE build SET state = 'CANCELLED'
      23514 UPDATE build SET state = 'RUNNING', started_at = now(), candidate_digest = D, candidate_repository = 'r'
      23514 UPDATE build SET state = 'SUCCEEDED', started_at = now(), finished_at = now()
      23514 UPDATE build SET candidate_repository = 'r'
      23514 UPDATE build SET state = 'FAILED', finished_at = now()
      23514 UPDATE build SET state = 'FAILED', finished_at = now(), fault = 'USER', reason = 'r'
      23514 UPDATE build SET state = 'CANCELLED', finished_at = now(), reason = 'r'
      23514 UPDATE build SET started_at = now()
      23514 UPDATE build SET state = 'RUNNING'
      23514 UPDATE build SET state = 'SUCCEEDED', finished_at = now(), candidate_digest = D, candidate_repository = 'r'
      23514 UPDATE idempotency_key SET key = ''
      23514 UPDATE idempotency_key SET key = repeat('k', 256)
      23514 UPDATE idempotency_key SET body = 'short'
      23505 INSERT INTO idempotency_key (principal, key, body, build_id) VALUES ('p', 'k', decode(repeat('11', 32), 'hex'), U1)
      23514 UPDATE request SET command = 'explode'
      23514 UPDATE request SET answer = 'MAYBE', answered_at = now()
      23514 UPDATE request SET answer = 'DONE'
      23514 UPDATE request SET build_id = NULL
      23514 UPDATE execution SET input_digest = 'x'
      23514 UPDATE execution SET state = 'WAITING'
      23514 UPDATE execution SET tries = -1
      23514 UPDATE execution SET interruptions = -1
      23514 UPDATE execution SET state = 'FAILED'
      23514 UPDATE execution SET finished_at = now()
      23514 UPDATE platform_build SET state = 'WAITING'
      23514 UPDATE platform_build SET digest = 'x'
      23514 UPDATE platform_build SET fault = 'OTHER'
      23514 UPDATE platform_build SET finished_at = now()
      23514 UPDATE platform_build SET state = 'SUCCEEDED', finished_at = now()
      23514 UPDATE platform_build SET state = 'SUCCEEDED', finished_at = now(), digest = D
      23514 UPDATE platform_build SET state = 'FAILED', finished_at = now()
      23514 UPDATE platform_build SET fault = 'USER'
      23505 INSERT INTO platform_build (id, build_id, platform, execution_id) VALUES (U2, U1, 'linux/amd64', U1)
      23503 UPDATE platform_build SET state = 'SUCCEEDED', finished_at = now(), digest = D, attempt_id = U3
      23514 INSERT INTO policy (name, version, body, principal) VALUES ('p', 0, '{}', 'p')
      23505 INSERT INTO policy (name, version, body, principal) VALUES ('default', 1, '{}', 'p')
      23505 INSERT INTO release (id, build_id, digest) VALUES (U2, U1, D)
      23514 UPDATE release SET digest = 'x'
      23514 UPDATE release SET state = 'OTHER'
      23514 UPDATE release SET policy_version = NULL
      23503 UPDATE release SET policy_version = 2
      23514 UPDATE release SET state = 'WITHDRAWN'
      23514 UPDATE release SET finished_at = now()
      23514 UPDATE release SET state = 'BLOCKED'
      23514 UPDATE release SET state = 'PROMOTING'
      23514 UPDATE release SET state = 'PROMOTED', finished_at = now()
      23514 UPDATE test_run SET digest = 'x'
      23514 UPDATE test_run SET timeout_seconds = 0
      23514 UPDATE test_run SET outcome = 'FINE', finished_at = now()
      23514 UPDATE test_run SET tries = -1
      23514 UPDATE test_run SET interruptions = -1
      23514 UPDATE test_run SET outcome = 'PASSED'
      23514 UPDATE test_run SET finished_at = now()
      23514 UPDATE waiver SET digest = 'x'
      23514 UPDATE waiver SET comment = ''
      23514 UPDATE waiver SET revoked_at = now()
      23505 INSERT INTO promotion (id, release_id) VALUES (U2, U1)
      23514 UPDATE promotion_target SET state = 'OTHER'
      23514 UPDATE promotion_target SET state = 'DONE', outcome = 'other', finished_at = now()
      23514 UPDATE promotion_target SET found = true
      23514 UPDATE promotion_target SET state = 'DONE'
      23514 UPDATE promotion_target SET outcome = 'published', finished_at = now()
      23503 UPDATE promotion_target SET registry = 'none'
      23505 INSERT INTO promotion_target (id, promotion_id, registry, repository, tags) VALUES (U2, U1, 'stable', 'r', '{}')
      23514 UPDATE attempt SET kind = 'OTHER' WHERE id = U1
      23514 UPDATE attempt SET number = 0 WHERE id = U1
      23514 UPDATE attempt SET state = 'OTHER' WHERE id = U1
      23514 UPDATE attempt SET stop_reason = 'BORED' WHERE id = U1
      23514 UPDATE attempt SET digest = 'x' WHERE id = U1
      23514 UPDATE attempt SET size_bytes = -1 WHERE id = U1
      23514 UPDATE attempt SET fault = 'OTHER', state = 'FAILED', finished_at = now(), reason = 'r', message = 'm' WHERE id = U1
      23514 UPDATE attempt SET repository = NULL WHERE id = U1
      23514 UPDATE attempt SET execution_id = NULL WHERE id = U1
      23514 UPDATE attempt SET repository = 'r', execution_id = U1 WHERE id = U2
      23514 UPDATE attempt SET test_run_id = U1 WHERE id = U1
      23514 UPDATE attempt SET test_run_id = NULL WHERE id = U2
      23514 UPDATE attempt SET state = 'CANCELLED' WHERE id = U1
      23514 UPDATE attempt SET finished_at = now() WHERE id = U1
      23514 UPDATE attempt SET released_at = now() WHERE id = U1
      23514 UPDATE attempt SET state = 'SUCCEEDED', finished_at = now(), pod_uid = 'u' WHERE id = U1
      23514 UPDATE attempt SET state = 'SUCCEEDED', finished_at = now(), digest = D WHERE id = U1
      23514 UPDATE attempt SET state = 'INTERRUPTED', finished_at = now() WHERE id = U1
      23514 UPDATE attempt SET state = 'FAILED', finished_at = now(), fault = 'USER', reason = 'r' WHERE id = U1
      23514 UPDATE attempt SET state = 'FAILED', finished_at = now(), reason = 'r', message = 'm' WHERE id = U1
      23514 UPDATE attempt SET state = 'INTERRUPTED', finished_at = now(), fault = 'INFRA', reason = 'r', message = 'm' WHERE id = U1
      23514 UPDATE attempt SET state = 'PREPARED' WHERE id = U1
      23514 UPDATE attempt SET state = 'BUILDING' WHERE id = U1
      23514 UPDATE attempt SET state = 'PUSHING' WHERE id = U1
      23514 UPDATE attempt SET pod_kept_until = now() WHERE id = U1
      23505 UPDATE attempt SET pod_name = 'pod-1' WHERE id = U2
      23514 INSERT INTO material (attempt_id, kind, name) VALUES (U1, 'other', 'n')
      23514 UPDATE log_chunk SET start_offset = -1
      23514 UPDATE log_chunk SET data = ''
      23505 INSERT INTO log_chunk (attempt_id, start_offset, data) VALUES (U1, 0, 'y')
      23514 INSERT INTO placement_lane (project, lane, reason) VALUES ('default', 'l', 'r')
      23503 INSERT INTO placement_lane (project, lane) VALUES ('none', 'l')
      23514 UPDATE project SET weight = 0
      23514 UPDATE project SET weight = 1001
      23514 UPDATE build SET cluster_selector = '[]'
      23503 UPDATE execution SET cluster = 'none'
      23514 UPDATE lease SET epoch = 0
      23505 INSERT INTO outbox (event_id, topic, key, type, source, subject, payload) VALUES ('e', 't', 'k', 'y', 's', 'u', '{}')
      """;

  private static Connection connection;

  @BeforeAll
  static void start() throws SQLException {
    TestDatabase database = TestServices.shared().newDatabase();
    connection = database.connect(database.owner());
    connection.setAutoCommit(true);
    execute(FARM);
    connection.setAutoCommit(false);
  }

  @AfterEach
  void forget() throws SQLException {
    connection.rollback();
  }

  @AfterAll
  static void stop() throws SQLException {
    connection.close();
  }

  private static void execute(String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(filled(sql));
    }
  }

  private static String filled(String sql) {
    String filled = sql.replaceAll("\\bD\\b", "('sha256:' || repeat('0', 64))");
    for (int i = 1; i <= 3; i++) {
      filled =
          filled.replaceAll("\\bU" + i + "\\b", "'00000000-0000-0000-0000-00000000000" + i + "'");
    }
    return filled;
  }

  private static SQLException failure(String sql) {
    try {
      execute(sql);
    } catch (SQLException e) {
      return e;
    }
    throw new AssertionError("was taken: " + sql);
  }

  static Stream<String> refused() {
    return REFUSED.lines();
  }

  @ParameterizedTest
  @MethodSource("refused")
  void anIllegalRowIsRefused(String line) {
    SQLException failure = failure(line.substring(6));
    assertThat(failure.getSQLState()).as(failure.getMessage()).isEqualTo(line.substring(0, 5));
  }

  /** A constraint that somebody adds must get a case above. */
  @Test
  void everyCheckOfTheSchemaRefusesSomethingHere() throws SQLException {
    Set<String> all = new TreeSet<>();
    try (Statement statement = connection.createStatement();
        ResultSet rows =
            statement.executeQuery(
                "SELECT conrelid::regclass || '/' || conname FROM pg_constraint WHERE contype = 'c'"
                    + " AND connamespace = 'public'::regnamespace")) {
      while (rows.next()) {
        all.add(rows.getString(1));
      }
    }
    assertThat(all).hasSizeGreaterThan(80);
    for (String line : REFUSED.lines().filter(l -> l.startsWith(CHECK)).toList()) {
      Set<String> broken = new TreeSet<>();
      // one row can break several rules, and PostgreSQL names the first: drop it and look again
      while (true) {
        String name = broken(line.substring(6), broken);
        if (name == null) {
          break;
        }
        broken.add(name);
      }
      all.removeAll(broken);
    }
    assertThat(all).as("constraints of which no case says what they refuse").isEmpty();
  }

  private static String broken(String sql, Set<String> without) throws SQLException {
    try {
      for (String constraint : without) {
        String[] words = constraint.split("/", -1);
        execute("ALTER TABLE %s DROP CONSTRAINT \"%s\"".formatted(words[0], words[1]));
      }
      execute(sql);
      return null;
    } catch (org.postgresql.util.PSQLException e) {
      var error = e.getServerErrorMessage();
      return error != null && CHECK.equals(e.getSQLState())
          ? error.getTable() + "/" + error.getConstraint()
          : null;
    } finally {
      connection.rollback();
    }
  }

  @Test
  void aSecondUnreleasedAttemptOfAnExecutionIsRefused() throws SQLException {
    String second =
        """
        INSERT INTO attempt (id, kind, execution_id, number, cluster, epoch, pod_name, deadline, repository)
        VALUES (U3, 'BUILD', U1, 2, 'local', 1, 'pod-3', now(), 'attempts/3')
        """;
    SQLException failure = failure(second);
    assertThat(failure.getSQLState()).isEqualTo(UNIQUE);
    assertThat(failure.getMessage()).contains("attempt_one_unreleased_of_execution");
    connection.rollback();

    execute("UPDATE attempt SET state = 'CANCELLED', finished_at = now() WHERE id = U1");
    assertThat(failure(second).getSQLState())
        .as("ended, and its pod not seen gone")
        .isEqualTo(UNIQUE);
    connection.rollback();

    execute(
        "UPDATE attempt SET state = 'CANCELLED', finished_at = now(), released_at = now() WHERE id"
            + " = U1");
    execute(second);
  }

  @Test
  void aSecondUnreleasedAttemptOfATestRunIsRefused() throws SQLException {
    String second =
        """
        INSERT INTO attempt (id, kind, test_run_id, number, cluster, epoch, pod_name, deadline)
        VALUES (U3, 'TEST', U1, 2, 'local', 1, 'pod-3', now())
        """;
    assertThat(failure(second).getMessage()).contains("attempt_one_unreleased_of_test_run");
    connection.rollback();
    execute(
        "UPDATE attempt SET state = 'CANCELLED', finished_at = now(), released_at = now() WHERE id"
            + " = U2");
    execute(second);
  }

  @Test
  void theListNamesOnlyStatesThatAreRefusals() {
    assertThat(Arrays.stream(REFUSED.split("\n", -1)).filter(l -> !l.isBlank()))
        .allMatch(
            line -> List.of(CHECK, UNIQUE, FOREIGN_KEY, NOT_NULL).contains(line.substring(0, 5)));
  }
}
