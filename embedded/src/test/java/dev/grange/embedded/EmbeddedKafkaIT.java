package dev.grange.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.Exit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EmbeddedKafkaIT {
  @TempDir Path folder;

  @Test
  void keepsItsEventsFromStartToStartEvenOnOtherPorts() throws Exception {
    try (EmbeddedKafka kafka = EmbeddedKafka.start(options())) {
      send(kafka, "first");
    }
    try (EmbeddedKafka kafka = EmbeddedKafka.start(options())) {
      send(kafka, "second");
      assertThat(read(kafka, 2)).containsExactly("first", "second");
    }
  }

  @Test
  void leavesTheFirstInstanceAloneAndSaysSoToTheSecond() throws Exception {
    EmbeddedKafka.Options options = options();
    try (EmbeddedKafka kafka = EmbeddedKafka.start(options)) {
      assertThatThrownBy(() -> EmbeddedKafka.start(options))
          .isInstanceOf(DirectoryLock.InUseException.class);
      assertThat(kafka.onFailure()).isNotDone();
    }
  }

  @Test
  void aFatalFaultEndsKafkaAndNotTheJvmAndItCanBeStartedAgain() throws Exception {
    EmbeddedKafka.Options options = options();
    try (EmbeddedKafka kafka = EmbeddedKafka.start(options)) {
      send(kafka, "before the fault");
      assertThatThrownBy(() -> Exit.halt(1, "no space left"))
          .isInstanceOf(IllegalStateException.class);
      assertThat(kafka.onFailure()).isCompletedWithValue("no space left");
    }
    try (EmbeddedKafka kafka = EmbeddedKafka.start(options)) {
      assertThat(read(kafka, 1)).containsExactly("before the fault");
    }
  }

  @Test
  void keepsItsEventsAndStartsFastAfterItsJvmWasKilled() throws Exception {
    EmbeddedKafka.Options options = options();
    Path log = folder.resolve("child.log");
    Process child =
        TiedProcess.start(
            new ProcessBuilder(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "-cp",
                    System.getProperty("java.class.path"),
                    KafkaUntilKilled.class.getName(),
                    options.directory().toString(),
                    Integer.toString(options.port()),
                    Integer.toString(options.controllerPort()))
                .redirectErrorStream(true)
                .redirectOutput(log.toFile()),
            TiedProcess.DeathSignal.KILL);
    Awaitility.await()
        .atMost(Duration.ofSeconds(60))
        .until(
            () ->
                java.nio.file.Files.readString(log, StandardCharsets.UTF_8)
                    .contains(KafkaUntilKilled.READY));
    child.destroyForcibly().waitFor();

    long start = System.nanoTime();
    try (EmbeddedKafka kafka = EmbeddedKafka.start(options)) {
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(15));
      assertThat(read(kafka, 1)).containsExactly("before the kill");
    }
  }

  private EmbeddedKafka.Options options() {
    return new EmbeddedKafka.Options(
        folder.resolve("kafka"), FreePorts.any(), FreePorts.any(), true);
  }

  static void send(EmbeddedKafka kafka, String value) throws Exception {
    try (KafkaProducer<String, String> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", kafka.bootstrap(), "acks", "all"),
            new StringSerializer(),
            new StringSerializer())) {
      producer.send(new ProducerRecord<>("grange.builds.v1", "build", value)).get();
    }
  }

  private static List<String> read(EmbeddedKafka kafka, int count) {
    try (KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(
            Map.of(
                "bootstrap.servers",
                kafka.bootstrap(),
                "group.id",
                "test",
                "auto.offset.reset",
                "earliest"),
            new StringDeserializer(),
            new StringDeserializer())) {
      consumer.subscribe(List.of("grange.builds.v1"));
      List<String> values = new ArrayList<>();
      Awaitility.await()
          .pollInSameThread()
          .atMost(Duration.ofSeconds(30))
          .until(
              () -> {
                consumer.poll(Duration.ofMillis(200)).forEach(record -> values.add(record.value()));
                return values.size() >= count;
              });
      return values;
    }
  }
}
