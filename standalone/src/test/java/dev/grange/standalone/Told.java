package dev.grange.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Everything that a broker has to tell, read by an ordinary consumer. */
record Told(List<Event> events) {
  private static final List<String> TOPICS = List.of("grange.builds.v1", "grange.releases.v1");

  /** One record, which may be a repeat. */
  record Event(String id, String type, String key, String payload) {}

  static Told by(String bootstrap) {
    Map<String, Object> settings =
        Map.of("bootstrap.servers", bootstrap, "default.api.timeout.ms", 30_000);
    List<Event> events = new ArrayList<>();
    try (KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
      List<TopicPartition> partitions = new ArrayList<>();
      consumer
          .listTopics()
          .forEach(
              (topic, infos) -> {
                if (TOPICS.contains(topic)) {
                  infos.forEach(i -> partitions.add(new TopicPartition(topic, i.partition())));
                }
              });
      if (partitions.isEmpty()) {
        return new Told(events);
      }
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (ends.entrySet().stream().anyMatch(e -> consumer.position(e.getKey()) < e.getValue())) {
        consumer.poll(Duration.ofMillis(200)).forEach(record -> events.add(event(record)));
      }
    }
    return new Told(events);
  }

  private static Event event(ConsumerRecord<String, String> record) {
    return new Event(
        header(record, "ce_id"), header(record, "ce_type"), record.key(), record.value());
  }

  private static String header(ConsumerRecord<String, String> record, String name) {
    return new String(record.headers().lastHeader(name).value(), StandardCharsets.UTF_8);
  }

  /** What was told of a build: event id to type. Fails if one id has two meanings. */
  Map<String, String> of(String build) {
    Map<String, String> types = new TreeMap<>();
    Map<String, Set<String>> meanings = new TreeMap<>();
    for (Event event : events) {
      if (event.key().equals(build)) {
        types.put(event.id(), event.type());
        meanings.computeIfAbsent(event.id(), _ -> new TreeSet<>()).add(event.payload());
      }
    }
    assertThat(meanings).allSatisfy((id, payloads) -> assertThat(payloads).as(id).hasSize(1));
    return types;
  }

  /** How many different events of a kind, {@code artifact.published} for example, were told. */
  long count(String build, String kind) {
    return of(build).values().stream().filter(type -> type.contains("." + kind + ".")).count();
  }

  /** A build's story has one end, one publication in each of one stable registry, and no more. */
  void assertPromotedOnce(String build) {
    for (String kind :
        List.of(
            "build.queued",
            "build.started",
            "build.finished",
            "artifact.packaged",
            "artifact.published",
            "grange-release.opened",
            "grange-promotion.finished")) {
      assertThat(count(build, kind)).as("%s of %s: %s", kind, build, of(build)).isEqualTo(1);
    }
  }
}
