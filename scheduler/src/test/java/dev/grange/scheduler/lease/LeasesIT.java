package dev.grange.scheduler.lease;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.grange.embedded.testing.TestDatabase;
import dev.grange.embedded.testing.TestServices;
import dev.grange.scheduler.FarmConfig;
import dev.grange.scheduler.TestRows;
import dev.grange.store.Db;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.postgresql.ds.PGSimpleDataSource;

class LeasesIT {
  private static final String EAST = Leases.ofCluster("east");

  private TestDatabase database;
  private TestRows rows;
  private Leases one;
  private Leases other;

  @BeforeEach
  void start() {
    database = TestServices.shared().newDatabase();
    rows = new TestRows(database);
    rows.cluster("east", 100, "linux/amd64");
    rows.cluster("west", 100, "linux/amd64");
    one = leases("one");
    other = leases("other");
  }

  private Leases leases(String name) {
    PGSimpleDataSource source = new PGSimpleDataSource();
    source.setUrl(database.jdbcUrl());
    source.setUser(database.scheduler().user());
    source.setPassword(database.scheduler().password());
    Leases leases =
        new Leases(
            new Db(source),
            new FarmConfig() {
              @Override
              public String name() {
                return "grange";
              }

              @Override
              public Optional<String> instance() {
                return Optional.of(name);
              }
            },
            () -> Duration.ofHours(1),
            new Random(name.hashCode()));
    leases.want(Set.of("east"));
    return leases;
  }

  private void expire() {
    rows.execute("UPDATE lease SET expires_at = now() - interval '1 second'");
  }

  private long epoch(String lease) {
    return Long.parseLong(rows.one("SELECT epoch FROM lease WHERE name = ?", lease));
  }

  private String holder(String lease) {
    return rows.one("SELECT holder FROM lease WHERE name = ?", lease);
  }

  @Test
  void whoComesFirstHoldsItAndTheOtherDoesNot() throws Exception {
    one.renew();
    other.renew();
    assertThat(one.holds(EAST)).isTrue();
    assertThat(one.holds(Leases.RELAY)).isTrue();
    assertThat(one.clusters()).containsExactly("east");
    assertThat(other.holds(EAST)).isFalse();
    assertThat(other.clusters()).isEmpty();
    assertThat(holder(EAST)).isEqualTo(one.holder());
  }

  @Test
  void renewingKeepsTheEpochAndPutsTheEndOff() throws Exception {
    one.renew();
    expire();
    one.renew();
    assertThat(epoch(EAST)).isEqualTo(1);
    other.renew();
    assertThat(other.holds(EAST)).isFalse();
  }

  @Test
  void aLeaseThatHasRunOutIsTakenWithAHigherEpochAndTheLastHolderFindsOut() throws Exception {
    one.renew();
    expire();
    other.renew();
    assertThat(other.holds(EAST)).isTrue();
    assertThat(epoch(EAST)).isEqualTo(2);

    one.renew();
    assertThat(one.holds(EAST)).isFalse();
    assertThat(holder(EAST)).isEqualTo(other.holder());
    assertThat(epoch(EAST)).isEqualTo(2);
  }

  @Test
  void aLeaseThatIsGivenUpIsTakenAtOnce() throws Exception {
    one.renew();
    one.release();
    assertThat(one.holds(EAST)).isFalse();
    other.renew();
    assertThat(other.holds(EAST)).isTrue();
    assertThat(epoch(EAST)).isEqualTo(2);
  }

  @Test
  void nobodyGivesUpWhatIsAnothers() throws Exception {
    one.renew();
    other.release();
    other.renew();
    assertThat(holder(EAST)).isEqualTo(one.holder());
  }

  @Test
  void everyStartHasAHolderOfItsOwn() {
    assertThat(leases("one").holder()).startsWith("one-" + ProcessHandle.current().pid() + "-");
    assertThat(one.holder()).isNotEqualTo(other.holder());
  }

  @Test
  void ofFourThatReachForItTogetherOneGetsItEveryTime() throws Exception {
    List<Leases> all = List.of(one, other, leases("third"), leases("fourth"));
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int round = 0; round < 50; round++) {
        if (round > 0) {
          expire();
        }
        CyclicBarrier together = new CyclicBarrier(all.size());
        List<Future<Boolean>> renewed = new ArrayList<>();
        for (Leases leases : all) {
          renewed.add(
              threads.submit(
                  () -> {
                    together.await();
                    return leases.renew();
                  }));
        }
        for (Future<Boolean> one : renewed) {
          one.get();
        }
        List<String> holders =
            all.stream().filter(leases -> leases.holds(EAST)).map(Leases::holder).toList();
        assertThat(holders).as("round %d", round).containsExactly(holder(EAST));
      }
    }
  }

  @Test
  void aTakeoverStampsTheUnreleasedAttemptsOfItsClusterAndNoOthers() throws Exception {
    one.renew();
    UUID running = rows.attempt("east", 1);
    UUID elsewhere = rows.attempt("west", 1);
    UUID released = rows.attempt("east", 1);
    rows.release(released);
    expire();
    List<String> taken = new ArrayList<>();
    other.onTaken(() -> taken.add("taken"));

    other.renew();

    assertThat(rows.epochOf(running)).isEqualTo(2);
    assertThat(rows.epochOf(elsewhere)).isEqualTo(1);
    assertThat(rows.epochOf(released)).isEqualTo(1);
    assertThat(taken).containsExactly("taken");
  }

  @Test
  void aTakeoverFencesWhoeverTookAnAbandonedAttemptBeforeIt() throws Exception {
    one.renew();
    UUID attempt = rows.attempt("east", 1);
    expire();
    // as the end of an abandoned attempt begins
    rows.execute("UPDATE attempt SET epoch = epoch + 1 WHERE id = ?::uuid", attempt.toString());
    long taken = rows.epochOf(attempt);

    other.renew();

    assertThat(epoch(EAST)).isEqualTo(taken);
    assertThat(rows.epochOf(attempt)).isGreaterThan(taken);
  }

  @Test
  void aTakeoverWaitsForATransitionThatIsUnderWayAndIsSeenWholeOrNotAtAll() throws Exception {
    one.renew();
    UUID attempt = rows.attempt("east", 1);
    expire();
    CompletableFuture<Void> takeover;
    try (Connection slow = database.connect(database.scheduler());
        Statement statement = slow.createStatement()) {
      slow.setAutoCommit(false);
      assertThat(statement.executeUpdate(fenced(attempt, 1))).isOne();
      takeover = CompletableFuture.runAsync(() -> renew(other));
      awaitSomebodyWaitingForALock();
      assertThat(epoch(EAST)).as("the epoch is not raised before all is stamped").isEqualTo(1);
      slow.commit();
    }
    takeover.get();
    assertThat(epoch(EAST)).isEqualTo(2);
    assertThat(rows.epochOf(attempt)).isEqualTo(2);
    assertThat(rows.one("SELECT state FROM attempt WHERE id = ?::uuid", attempt.toString()))
        .isEqualTo("BUILDING");
  }

  @Test
  void aTransitionThatWaitsForATakeoverWritesNothingBecauseTheFenceIsOnTheRowItWrites()
      throws Exception {
    one.renew();
    UUID attempt = rows.attempt("east", 1);
    int written = writtenAfterATakeover(attempt, fenced(attempt, 1));
    assertThat(written).isZero();
  }

  /**
   * Why the fence is the attempt's own column and not a look at the lease. Under READ COMMITTED a
   * statement that had to wait for a row looks at that row again, but at all others through the
   * snapshot from before it waited (PostgreSQL's manual, 13.2.1): it still sees the old epoch in
   * the lease, and writes.
   */
  @Test
  void aTransitionThatOnlyLooksAtTheLeaseWritesAfterATakeoverWhichIsWhyNoneDoes() throws Exception {
    one.renew();
    UUID attempt = rows.attempt("east", 1);
    int written =
        writtenAfterATakeover(
            attempt,
            """
            UPDATE attempt SET state = 'BUILDING', pod_uid = 'zombie'
            WHERE id = '%s' AND EXISTS (SELECT FROM lease WHERE name = '%s' AND epoch = 1)
            """
                .formatted(attempt, EAST));
    assertThat(written).as("the zombie's write, which the lease's row did not stop").isOne();
    assertThat(epoch(EAST)).isEqualTo(2);
  }

  /** The same without any waiting: the look comes before the takeover and the commit after it. */
  @Test
  void aLookAtTheLeaseSaysNothingAboutTheTimeOfTheCommit() throws Exception {
    one.renew();
    UUID attempt = rows.attempt("west", 1);
    try (Connection zombie = database.connect(database.scheduler());
        Statement statement = zombie.createStatement()) {
      zombie.setAutoCommit(false);
      int written =
          statement.executeUpdate(
              """
              UPDATE attempt SET state = 'BUILDING', pod_uid = 'zombie'
              WHERE id = '%s' AND EXISTS (SELECT FROM lease WHERE name = '%s' AND epoch = 1)
              """
                  .formatted(attempt, EAST));
      assertThat(written).isOne();
      expire();
      other.renew();
      assertThat(epoch(EAST)).isEqualTo(2);
      zombie.commit();
    }
    assertThat(rows.one("SELECT pod_uid FROM attempt WHERE id = ?::uuid", attempt.toString()))
        .isEqualTo("zombie");
  }

  private static String fenced(UUID attempt, long epoch) {
    return "UPDATE attempt SET state = 'BUILDING', pod_uid = 'u' WHERE id = '%s' AND epoch = %d AND state = 'ASSIGNED'"
        .formatted(attempt, epoch);
  }

  /**
   * How many rows the old holder's statement writes when a takeover is committed while it waits.
   */
  private int writtenAfterATakeover(UUID attempt, String sql) throws Exception {
    try (Connection taker = database.connect(database.scheduler());
        Connection zombie = database.connect(database.scheduler());
        Statement take = taker.createStatement();
        Statement late = zombie.createStatement()) {
      taker.setAutoCommit(false);
      take.executeUpdate("UPDATE lease SET holder = 'x', epoch = 2 WHERE name = '" + EAST + "'");
      take.executeUpdate("UPDATE attempt SET epoch = 2 WHERE id = '" + attempt + "'");
      CompletableFuture<Integer> writing =
          CompletableFuture.supplyAsync(
              () -> {
                try {
                  return late.executeUpdate(sql);
                } catch (SQLException e) {
                  throw new IllegalStateException(e);
                }
              });
      awaitSomebodyWaitingForALock();
      taker.commit();
      return writing.get();
    }
  }

  private static void renew(Leases leases) {
    try {
      leases.renew();
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  private void awaitSomebodyWaitingForALock() {
    await()
        .atMost(Duration.ofSeconds(20))
        .until(
            () ->
                !rows.one(
                        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND"
                            + " datname = current_database()")
                    .equals("0"));
  }
}
