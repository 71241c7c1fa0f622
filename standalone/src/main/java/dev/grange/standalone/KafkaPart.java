package dev.grange.standalone;

import dev.grange.embedded.EmbeddedKafka;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;

/** The farm's event log, inside this JVM. */
record KafkaPart(EmbeddedKafka.Options options) implements Part {
  @Override
  public String name() {
    return "kafka";
  }

  @Override
  public Running start() throws Exception {
    return new RunningKafka(EmbeddedKafka.start(options), options.port());
  }

  private record RunningKafka(EmbeddedKafka server, int port) implements Running {
    @Override
    public String detail() {
      return "port " + port;
    }

    @Override
    public CompletableFuture<String> ended() {
      return server.onFailure();
    }

    @Override
    public void stop(Duration limit) throws Exception {
      server.close();
    }
  }
}
