package dev.grange.standalone;

import dev.grange.embedded.HttpProbe;
import dev.grange.embedded.LogFile;
import dev.grange.embedded.TiedProcess;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * One of the two applications, as a process of its own.
 *
 * @param command never has a secret: every user of the machine can read command lines
 * @param environment added to this process's own
 * @param healthPort where it answers on 127.0.0.1
 */
record ApplicationPart(
    String name, List<String> command, Map<String, String> environment, int healthPort, Path log)
    implements Part {
  private static final Duration START_LIMIT = Duration.ofSeconds(90);

  @Override
  public Running start() throws IOException, InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(LogFile.append(log));
    builder.environment().putAll(environment);
    // What it did not finish it takes up again at its next start; an orphan would only hold the
    // port.
    Process process = TiedProcess.start(builder, TiedProcess.DeathSignal.KILL);
    awaitReady(process);
    return new RunningApplication(process);
  }

  private void awaitReady(Process process) throws IOException, InterruptedException {
    String url = "http://127.0.0.1:" + healthPort + "/q/health/ready";
    long deadline = System.nanoTime() + START_LIMIT.toNanos();
    while (HttpProbe.status(url) != 200 || !process.isAlive()) {
      if (!process.isAlive()) {
        throw new IOException(
            "ended with exit status " + process.exitValue() + " before it was ready; see " + log);
      }
      if (System.nanoTime() > deadline) {
        process.destroyForcibly();
        throw new IOException("was not ready after " + START_LIMIT.toSeconds() + " s; see " + log);
      }
      TimeUnit.MILLISECONDS.sleep(50);
    }
  }

  private record RunningApplication(Process process) implements Running {
    @Override
    public String detail() {
      return "pid " + process.pid();
    }

    @Override
    public CompletableFuture<String> ended() {
      return process.onExit().thenApply(ended -> "exit status " + ended.exitValue());
    }

    @Override
    public void stop(Duration limit) throws InterruptedException {
      if (!process.isAlive()) {
        return;
      }
      process.destroy();
      if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
        process.destroyForcibly().waitFor();
      }
    }
  }
}
