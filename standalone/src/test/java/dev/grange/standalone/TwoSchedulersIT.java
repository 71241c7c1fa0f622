package dev.grange.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.grange.embedded.EmbeddedKafka;
import dev.grange.embedded.FreePorts;
import java.sql.Connection;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Two schedulers on one database, one of which is stopped past its lease and does not know it. */
class TwoSchedulersIT {
  private static final int BUILDS = 20;

  private static Balancer tokens;
  private static RunningFarm farm;
  private static String busybox;

  @BeforeAll
  static void start() throws Exception {
    tokens = new Balancer();
    farm =
        RunningFarm.in(
            "two-schedulers",
            Map.of(
                "GRANGE_LEASE_DURATION",
                "3s",
                "GRANGE_LOCAL_SLOTS",
                "4",
                "GRANGE_DRAIN",
                "8",
                "GRANGE_TOKENS_REALM",
                tokens.realm()));
    tokens.add(farm.ports().of(Ports.Name.TOKENS));
    farm.start();
    busybox = farm.uploadBusybox();
  }

  @AfterAll
  static void stop() throws Exception {
    farm.end();
    tokens.close();
    farm.assertNothingIsLeft();
  }

  @Test
  void everyBuildRunsOnceAlsoWhenTheHolderOfTheLeasesSleepsPastThem() throws Exception {
    Process second = second(Map.of());
    int startsBefore = farm.workers().pods().size();
    long attemptsBefore = farm.count("SELECT count(*) FROM attempt");
    long promotedBefore = promoted();
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < BUILDS; i++) {
      ids.add(farm.accepted(RunningFarm.slow("shared-" + i, busybox, 1, 0)));
    }
    awaitPromoted(promotedBefore + BUILDS / 4);
    String before = holder();
    long sleeper =
        before.contains("-" + second.pid() + "-") ? second.pid() : farm.pidOf("scheduler");
    assertThat(before).contains("-" + sleeper + "-");
    Tools.signal("STOP", sleeper);
    try {
      Awaitility.await().atMost(RunningFarm.PATIENCE).until(() -> !holder().equals(before));
      awaitPromoted(promotedBefore + BUILDS / 2);
    } finally {
      Tools.signal("CONT", sleeper);
    }
    for (int i = 0; i < BUILDS; i++) {
      String digest = farm.awaitPromoted(ids.get(i));
      farm.assertInStable("shared-" + i, digest);
      JsonNode build = farm.build(ids.get(i));
      assertThat(build.at("/platform_builds/0/attempts")).as(build.toString()).hasSize(1);
    }
    // one worker for each build and one for its test, and no pod's worker twice
    assertThat(farm.workers().pods()).doesNotHaveDuplicates().hasSize(startsBefore + 2 * BUILDS);
    assertThat(farm.count("SELECT count(*) FROM attempt")).isEqualTo(attemptsBefore + 2 * BUILDS);
    Awaitility.await()
        .atMost(RunningFarm.PATIENCE)
        .untilAsserted(
            () -> {
              Told told = farm.told();
              ids.forEach(told::assertPromotedOnce);
            });
    second.destroy();
    second.waitFor();
  }

  @Test
  void whatHappensWhileTheBrokerIsAwayIsToldWhenItIsBack() throws Exception {
    int port = FreePorts.any();
    String broker = "127.0.0.1:" + port;
    Process second = second(Map.of("KAFKA_BOOTSTRAP_SERVERS", broker));
    long first = farm.pidOf("scheduler");
    Tools.signal("STOP", first);
    try {
      Awaitility.await()
          .atMost(RunningFarm.PATIENCE)
          .until(
              () ->
                  farm.count(
                          "SELECT count(*) FROM lease WHERE name IN ('relay', 'cluster:local') AND holder LIKE '%%-%d-%%'"
                              .formatted(second.pid()))
                      == 2);
      String id = farm.accepted(RunningFarm.slow("unheard", busybox, 0, 0));
      String digest = farm.awaitPromoted(id);
      farm.assertInStable("unheard", digest);
      assertThat(farm.count("SELECT count(*) FROM outbox WHERE sent_at IS NULL")).isPositive();
      try (EmbeddedKafka _ =
          EmbeddedKafka.start(
              new EmbeddedKafka.Options(
                  farm.home().data("late-kafka"), port, FreePorts.any(), false))) {
        Awaitility.await()
            .atMost(RunningFarm.PATIENCE)
            .untilAsserted(() -> Told.by(broker).assertPromotedOnce(id));
        Awaitility.await()
            .atMost(RunningFarm.PATIENCE)
            .until(() -> farm.count("SELECT count(*) FROM outbox WHERE sent_at IS NULL") == 0);
      }
    } finally {
      second.destroyForcibly().waitFor();
      Tools.signal("CONT", first);
    }
  }

  /** A second scheduler, whose token service is one more. */
  private static Process second(Map<String, String> settings) throws Exception {
    int port = FreePorts.any();
    Map<String, String> all = new HashMap<>(settings);
    all.put("GRANGE_TOKENS_PORT", Integer.toString(port));
    Process second = farm.secondScheduler(all);
    tokens.add(port);
    return second;
  }

  private static void awaitPromoted(long builds) {
    Awaitility.await().atMost(RunningFarm.PATIENCE).until(() -> promoted() >= builds);
  }

  private static long promoted() throws Exception {
    return farm.count("SELECT count(*) FROM release WHERE state = 'PROMOTED'");
  }

  private static String holder() throws Exception {
    try (Connection connection = farm.database();
        var statement = connection.createStatement();
        var rows =
            statement.executeQuery("SELECT holder FROM lease WHERE name = 'cluster:local'")) {
      rows.next();
      return rows.getString(1);
    }
  }
}
