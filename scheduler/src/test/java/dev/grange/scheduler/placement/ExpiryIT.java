package dev.grange.scheduler.placement;

import static org.assertj.core.api.Assertions.assertThat;

import dev.grange.scheduler.FarmServices;
import dev.grange.scheduler.TestFarm;
import dev.grange.scheduler.TestRows;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.sql.SQLException;
import java.util.UUID;
import org.junit.jupiter.api.Test;

@QuarkusTest
@WithTestResource(FarmServices.class)
class ExpiryIT {
  private static final String CLUSTER = "expiring";

  @Inject PlacementRound placement;

  TestFarm farm;

  /** A test that was created two hours ago, of a build that waits for a minute. */
  private String test(String release, String testCase, String queued) {
    String id = UUID.randomUUID().toString();
    farm.execute(
        """
        INSERT INTO test_run (id, release_id, test_case, platform, digest, command, timeout_seconds, created_at, queued_at, not_before)
        VALUES (?::uuid, ?::uuid, ?, 'linux/mips64le', 'sha256:' || repeat('0', 64), '[]', 60, now() - interval '2 hours',
          now() - ?::interval, now() + interval '1 hour')
        """,
        id,
        release,
        testCase,
        queued);
    return id;
  }

  private String outcome(String test) {
    return farm.one("SELECT outcome FROM test_run WHERE id = ?::uuid", test);
  }

  @Test
  void aTestThatGoesBackToTheQueueHasAnHourThere() throws SQLException {
    TestRows rows = new TestRows(farm.database());
    rows.cluster(CLUSTER, 1, "linux/mips64le");
    rows.lease(CLUSTER, 1);
    UUID attempt = rows.attempt(CLUSTER, 1);
    String release = UUID.randomUUID().toString();
    farm.execute(
        """
        INSERT INTO release (id, build_id, digest)
        SELECT ?::uuid, e.build_id, 'sha256:' || repeat('0', 64)
        FROM attempt a JOIN execution e ON e.id = a.execution_id WHERE a.id = ?::uuid
        """,
        release,
        attempt.toString());
    String never = test(release, "never", "2 hours");
    String again = test(release, "again", "1 minute");
    String late = test(release, "late", "61 minutes");

    placement.expire();

    assertThat(outcome(never)).isEqualTo("ERROR");
    assertThat(outcome(late)).isEqualTo("ERROR");
    assertThat(outcome(again)).isEqualTo("QUEUED");
    farm.execute(
        "UPDATE release SET state = 'WITHDRAWN', finished_at = now() WHERE id = ?::uuid", release);
    farm.execute(
        "UPDATE test_run SET outcome = 'ERROR', finished_at = now() WHERE id = ?::uuid", again);
    rows.release(attempt);
  }
}
