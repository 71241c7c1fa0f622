package dev.grange.standalone;

import dev.grange.embedded.EmbeddedPostgres;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;

/** The farm's database. */
record PostgresPart(EmbeddedPostgres.Options options) implements Part {
  @Override
  public String name() {
    return "postgres";
  }

  @Override
  public RunningPostgres start() throws Exception {
    return new RunningPostgres(EmbeddedPostgres.start(options));
  }

  record RunningPostgres(EmbeddedPostgres server) implements Running {
    @Override
    public String detail() {
      return "port " + server.port() + ", pid " + server.pid();
    }

    @Override
    public CompletableFuture<String> ended() {
      return server.onExit().thenApply(process -> "exit status " + process.exitValue());
    }

    @Override
    public void stop(Duration limit) throws Exception {
      server.close();
    }
  }
}
