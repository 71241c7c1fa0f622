package dev.grange.cli.build;

import static org.assertj.core.api.Assertions.assertThat;

import dev.grange.cli.FakeFarm;
import dev.grange.cli.Main;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DetachTest {

  @TempDir Path directory;

  @Test
  void lets_go_of_the_build_on_interrupt_and_says_how_to_go_on()
      throws IOException, InterruptedException {
    Files.writeString(directory.resolve("Containerfile"), "FROM scratch\n");
    try (FakeFarm farm = new FakeFarm().building()) {
      ProcessBuilder builder =
          new ProcessBuilder(
              // a runner in the background hands down an ignored SIGINT
              "env",
              "--default-signal=INT",
              ProcessHandle.current().info().command().orElseThrow(),
              "-cp",
              System.getProperty("java.class.path"),
              Main.class.getName(),
              "build",
              directory.toString());
      // the launcher that runs the tests has settings of its own
      builder.environment().keySet().removeIf(name -> name.startsWith("GRANGE_"));
      builder.environment().put("GRANGE_URL", farm.url());
      builder.environment().put("GRANGE_TOKEN", FakeFarm.TOKEN);
      Process process = builder.redirectOutput(directory.resolve("out").toFile()).start();
      try (BufferedReader err = process.errorReader()) {
        String line = err.readLine();
        while (line != null && !line.startsWith("building")) {
          line = err.readLine();
        }
        assertThat(
                new ProcessBuilder("kill", "-INT", Long.toString(process.pid())).start().waitFor())
            .isZero();
        String rest = String.join("\n", err.lines().toList());
        assertThat(rest)
            .endsWith(
                "Build %s goes on. Watch it again: grange builds log -f %s"
                    .formatted(FakeFarm.ID, FakeFarm.ID));
        assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).isEqualTo(130);
        assertThat(farm.requests).noneMatch(request -> request.contains("cancel"));
      } finally {
        process.destroyForcibly();
      }
    }
  }
}
