package dev.grange.standalone;

import dev.grange.embedded.RegistryProcess;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;

/** A registry of the farm's own. */
record RegistryPart(String name, RegistryProcess.Options options) implements Part {
  @Override
  public Running start() throws Exception {
    return new RunningRegistry(RegistryProcess.start(options));
  }

  private record RunningRegistry(RegistryProcess process) implements Running {
    @Override
    public String detail() {
      return "http://" + process.address() + ", pid " + process.pid();
    }

    @Override
    public CompletableFuture<String> ended() {
      return process.onExit().thenApply(ended -> "exit status " + ended.exitValue());
    }

    @Override
    public void stop(Duration limit) throws Exception {
      process.close();
    }
  }
}
