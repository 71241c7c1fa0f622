package dev.grange.embedded;

import java.nio.file.Path;

/** A JVM with a Kafka that has one event, waiting to be killed. */
final class KafkaUntilKilled {
  static final String READY = "the event is in";

  private KafkaUntilKilled() {}

  public static void main(String[] arguments) throws Exception {
    System.setProperty("java.util.logging.manager", "org.jboss.logmanager.LogManager");
    EmbeddedKafka kafka =
        EmbeddedKafka.start(
            new EmbeddedKafka.Options(
                Path.of(arguments[0]),
                Integer.parseInt(arguments[1]),
                Integer.parseInt(arguments[2]),
                true));
    EmbeddedKafkaIT.send(kafka, "before the kill");
    System.out.println(READY);
    kafka.onFailure().join();
  }
}
