package dev.grange.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TiedProcessIT {
  @TempDir Path folder;

  @Test
  void aChildLivesOnWhenTheThreadThatAskedForItEnds() throws Exception {
    Process[] child = new Process[1];
    Thread asking =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    child[0] =
                        TiedProcess.start(
                            new ProcessBuilder("sleep", "60"), TiedProcess.DeathSignal.KILL);
                  } catch (IOException e) {
                    throw new IllegalStateException(e);
                  }
                });
    asking.join();
    Awaitility.await()
        .during(Duration.ofMillis(300))
        .atMost(Duration.ofSeconds(5))
        .until(child[0]::isAlive);
    child[0].destroyForcibly().waitFor();
  }

  @Test
  void aChildDiesWhenItsJvmIsKilled() throws Exception {
    Path pidFile = folder.resolve("pid");
    Process jvm =
        TiedProcess.start(
            new ProcessBuilder(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "-cp",
                    System.getProperty("java.class.path"),
                    Parent.class.getName(),
                    pidFile.toString())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("log").toFile()),
            TiedProcess.DeathSignal.KILL);
    Awaitility.await().atMost(Duration.ofSeconds(20)).until(() -> Files.exists(pidFile));
    long child = Long.parseLong(Files.readString(pidFile));
    assertThat(ProcessHandle.of(child)).isPresent();
    jvm.destroyForcibly().waitFor();
    Awaitility.await()
        .atMost(Duration.ofSeconds(10))
        .until(() -> ProcessHandle.of(child).filter(ProcessHandle::isAlive).isEmpty());
  }

  @Test
  void aMissingProgramIsSaidAtOnceOrByItsStatus() throws Exception {
    Process process =
        TiedProcess.start(
            new ProcessBuilder(List.of("/does/not/exist")), TiedProcess.DeathSignal.KILL);
    assertThat(process.waitFor()).isNotZero();
    assertThatThrownBy(
            () ->
                TiedProcess.start(
                    new ProcessBuilder("true").directory(folder.resolve("missing").toFile()),
                    TiedProcess.DeathSignal.KILL))
        .isInstanceOf(IOException.class);
  }

  /** Starts a child and waits to be killed. */
  static final class Parent {
    public static void main(String[] arguments) throws Exception {
      Process child =
          TiedProcess.start(new ProcessBuilder("sleep", "60"), TiedProcess.DeathSignal.KILL);
      Secrets.write(Path.of(arguments[0]), Long.toString(child.pid()));
      child.waitFor();
    }
  }
}
