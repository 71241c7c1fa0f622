package dev.grange.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.grange.embedded.EmbeddedPostgres;
import dev.grange.embedded.FreePorts;
import dev.grange.embedded.testing.TestDatabase.Login;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.postgresql.ds.PGSimpleDataSource;

class HintsIT {
  private static final Duration LONG = Duration.ofSeconds(20);

  @TempDir static Path directory;

  private static EmbeddedPostgres.Options options;
  private static EmbeddedPostgres postgres;

  private final List<String> heard = new CopyOnWriteArrayList<>();
  private Hints hints;
  private HintListener listener;

  @BeforeAll
  static void startPostgres() throws Exception {
    options =
        new EmbeddedPostgres.Options(
            directory.resolve("postgres"),
            FreePorts.any(),
            false,
            directory.resolve("postgres.log"));
    postgres = EmbeddedPostgres.start(options);
  }

  @AfterAll
  static void stopPostgres() throws Exception {
    postgres.close();
  }

  @BeforeEach
  void start() {
    Login owner = new Login(EmbeddedPostgres.OWNER, postgres.ownerPassword());
    PGSimpleDataSource source = Source.of(postgres.jdbcUrl("postgres"), owner);
    hints = new Hints(source);
    listener = new HintListener(postgres.jdbcUrl("postgres"), owner.user(), owner.password());
    listener.register(heard::add);
    listener.start(new StartupEvent());
    awaitHeard(HintListener.RESYNC);
  }

  @AfterEach
  void stop() {
    hints.stop(new ShutdownEvent());
    listener.stop(new ShutdownEvent());
  }

  private void awaitHeard(String... words) {
    await().atMost(LONG).until(() -> heard.containsAll(List.of(words)));
  }

  private long resyncs() {
    return heard.stream().filter(HintListener.RESYNC::equals).count();
  }

  @Test
  void everyWordArrivesAtLeastOnce() {
    UUID build = UUID.randomUUID();
    hints.send(Hints.QUEUE, Hints.build(build));
    awaitHeard(Hints.QUEUE, Hints.build(build));
  }

  @Test
  void aWordThatIsSaidAThousandTimesAtOnceIsSentAFewTimes() {
    for (int i = 0; i < 1000; i++) {
      hints.send(Hints.QUEUE);
    }
    hints.send("last");
    awaitHeard(Hints.QUEUE, "last");
    assertThat(heard.stream().filter(Hints.QUEUE::equals)).hasSizeBetween(1, 500);
  }

  @Test
  void moreWordsThanOneNotificationHoldsAllArrive() {
    Set<String> words = new HashSet<>();
    IntStream.range(0, 1000).forEach(_ -> words.add(Hints.build(UUID.randomUUID())));
    hints.send(words.toArray(String[]::new));
    await().atMost(LONG).until(() -> new HashSet<>(heard).containsAll(words));
  }

  @Test
  void allListenersHearIt() {
    List<String> second = new CopyOnWriteArrayList<>();
    listener.register(second::add);
    hints.send("word");
    awaitHeard("word");
    await().atMost(LONG).until(() -> second.contains("word"));
  }

  @Test
  void whoHasLeftHearsNothing() {
    List<String> second = new CopyOnWriteArrayList<>();
    java.util.function.Consumer<String> leaving = second::add;
    listener.register(leaving);
    listener.unregister(leaving);
    hints.send("word");
    awaitHeard("word");
    assertThat(second).isEmpty();
  }

  @Test
  void aListenerThatFailsMakesNobodyDeaf() {
    listener.register(
        _ -> {
          throw new IllegalStateException("deaf");
        });
    List<String> second = new CopyOnWriteArrayList<>();
    listener.register(second::add);
    hints.send("one");
    await().atMost(LONG).until(() -> second.contains("one"));
    hints.send("two");
    await().atMost(LONG).until(() -> second.contains("two"));
    awaitHeard("one", "two");
  }

  @Test
  void afterItsConnectionWasKilledItLooksAtEverythingAndHearsAgain() throws SQLException {
    try (Connection connection = postgres.connect("postgres");
        Statement statement = connection.createStatement()) {
      statement.execute(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name ="
              + " 'grange-hints'");
    }
    await().atMost(LONG).until(() -> resyncs() == 2);
    hints.send("after");
    awaitHeard("after");
  }

  @Test
  void afterAKilledPostgresIsBackItLooksAtEverythingAndHearsAgain() throws Exception {
    postgres.kill();
    // lost, and nobody is stopped by it
    hints.send("lost");
    postgres = EmbeddedPostgres.start(options);
    await().atMost(LONG).until(() -> resyncs() >= 2);
    await()
        .atMost(LONG)
        .until(
            () -> {
              hints.send("after");
              return heard.contains("after");
            });
  }

  @Test
  void whatIsSaidWithinATransactionOfAnotherIsHeardAtItsCommit() throws SQLException {
    List<String> before = new ArrayList<>();
    try (Connection connection = postgres.connect("postgres");
        Statement statement = connection.createStatement()) {
      connection.setAutoCommit(false);
      statement.execute("SELECT pg_notify('grange', 'committed,twice')");
      before.addAll(heard);
      connection.commit();
    }
    awaitHeard("committed", "twice");
    assertThat(before).doesNotContain("committed");
  }
}
