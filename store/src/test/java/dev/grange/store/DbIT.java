package dev.grange.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.grange.embedded.testing.TestDatabase;
import dev.grange.embedded.testing.TestServices;
import dev.grange.events.BuildEvents;
import dev.grange.events.BuildFacts;
import dev.grange.events.FarmEvent;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class DbIT {
  private TestDatabase database;
  private Db db;

  @BeforeEach
  void start() {
    database = TestServices.shared().newDatabase();
    db = new Db(Source.of(database.jdbcUrl(), database.scheduler()));
  }

  private static final String LEASE =
      "INSERT INTO lease (name, holder, epoch, expires_at) VALUES (?, 'h', 1, now())";

  private long leases() throws SQLException {
    return db.call(
        tx -> tx.first("SELECT count(*) FROM lease", row -> row.getLong(1)).orElseThrow());
  }

  @Test
  void whatSucceedsIsCommittedWhole() throws SQLException {
    db.run(
        tx -> {
          tx.update(LEASE, "a");
          tx.update(LEASE, "b");
        });
    assertThat(leases()).isEqualTo(2);
  }

  @Test
  void anExceptionTakesEverythingBack() throws SQLException {
    assertThatThrownBy(
            () ->
                db.run(
                    tx -> {
                      tx.update(LEASE, "a");
                      throw new IllegalStateException("no");
                    }))
        .hasMessage("no");
    assertThat(leases()).isZero();
  }

  @Test
  void anErrorTakesEverythingBackToo() throws SQLException {
    assertThatThrownBy(
            () ->
                db.run(
                    tx -> {
                      tx.update(LEASE, "a");
                      throw new StackOverflowError();
                    }))
        .isInstanceOf(StackOverflowError.class);
    assertThat(leases()).isZero();
  }

  @Test
  void aStatementThatFailsTakesBackTheOnesBeforeIt() throws SQLException {
    assertThatThrownBy(
            () ->
                db.run(
                    tx -> {
                      tx.update(LEASE, "a");
                      tx.update(LEASE, "a");
                    }))
        .isInstanceOf(SQLException.class);
    assertThat(leases()).isZero();
  }

  @Test
  void aConnectionThatDiesInATransactionLeavesNothingAndSaysWhy() throws SQLException {
    Db owner = new Db(Source.of(database.jdbcUrl(), database.owner()));
    assertThatThrownBy(
            () ->
                db.run(
                    tx -> {
                      tx.update(LEASE, "a");
                      int pid =
                          tx.first("SELECT pg_backend_pid()", row -> row.getInt(1)).orElseThrow();
                      owner.run(
                          killer -> killer.first("SELECT pg_terminate_backend(?)", _ -> true, pid));
                      tx.update(LEASE, "b");
                    }))
        .isInstanceOf(SQLException.class);
    assertThat(leases()).isZero();
  }

  @Test
  void valuesOfEachKindComeBackAsTheyWere() throws SQLException {
    Instant time = Instant.parse("2026-02-03T04:05:06.789012Z");
    UUID id = UUID.randomUUID();
    List<String> words = List.of("a,b", "{\"}", "", "é");
    db.run(
        tx ->
            tx.first(
                "SELECT ?::timestamptz AS t, ?::uuid AS u, ?::text[] AS w, ?::text AS n",
                row -> {
                  assertThat(Db.instant(row, "t")).isEqualTo(time);
                  assertThat(Db.uuid(row, "u")).isEqualTo(id);
                  assertThat(Db.texts(row, "w")).isEqualTo(words);
                  assertThat(Db.instant(row, "n")).isNull();
                  return true;
                },
                time,
                id,
                words,
                null));
  }

  @Test
  void anEventThatIsAppendedTwiceIsThereOnce() throws SQLException {
    FarmEvent event = event();
    db.run(tx -> Outbox.append(tx, event));
    db.run(
        tx -> {
          Outbox.append(tx, event);
          Outbox.append(tx, event);
        });
    assertThat(outbox()).containsExactly(event.id());
  }

  @Test
  void anEventGoesWithItsTransaction() throws SQLException {
    assertThatThrownBy(
            () ->
                db.run(
                    tx -> {
                      Outbox.append(tx, event());
                      throw new IllegalStateException();
                    }))
        .isInstanceOf(IllegalStateException.class);
    assertThat(outbox()).isEmpty();
  }

  @Test
  void theSameEventFromTwoTransactionsAtOnceIsThereOnce() throws Exception {
    FarmEvent event = event();
    CyclicBarrier together = new CyclicBarrier(4);
    Callable<Boolean> append =
        () -> {
          together.await();
          db.run(tx -> Outbox.append(tx, event));
          return true;
        };
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Boolean>> all = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        all.add(threads.submit(append));
      }
      for (Future<Boolean> one : all) {
        assertThat(one.get()).isTrue();
      }
    }
    assertThat(outbox()).containsExactly(event.id());
  }

  private List<String> outbox() throws SQLException {
    return db.call(tx -> tx.list("SELECT event_id FROM outbox", row -> row.getString(1)));
  }

  private static FarmEvent event() {
    return BuildEvents.queued(
        "grange",
        new BuildFacts(
            UUID.fromString("00000000-0000-7000-8000-000000000001"),
            "default",
            "hello",
            List.of("latest"),
            List.of("linux/amd64"),
            "alice",
            false,
            null),
        Instant.parse("2026-01-02T03:04:05.678901Z"));
  }
}
