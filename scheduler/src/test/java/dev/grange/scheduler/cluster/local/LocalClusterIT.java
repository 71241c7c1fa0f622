package dev.grange.scheduler.cluster.local;

import static org.assertj.core.api.Assertions.assertThat;

import dev.grange.scheduler.cluster.ClusterGateway;
import dev.grange.scheduler.cluster.ClusterGatewayContract;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

/** The kind {@code local}, with the worker's own scripts. */
class LocalClusterIT extends ClusterGatewayContract {
  private static final Path BIN =
      Path.of(System.getProperty("basedir", ""))
          .toAbsolutePath()
          .resolve("../worker-image/bin")
          .normalize();

  @TempDir static Path directory;

  @BeforeAll
  static void theWorkersScriptsAreThere() {
    assertThat(BIN.resolve("grange-local-run")).isExecutable();
  }

  @Override
  protected ClusterGateway open() throws IOException {
    return new LocalCluster(
        directory.resolve("local"), BIN, () -> UUID.randomUUID().toString(), Clock.systemUTC());
  }

  @Override
  protected void close(ClusterGateway gateway) throws IOException {
    ((LocalCluster) gateway).close();
  }

  @Override
  protected void kill(String pod) throws IOException {
    String pid =
        Files.readString(directory.resolve("local").resolve(pod).resolve("pid")).split(" ", 2)[0];
    assertThat(ProcessHandle.of(Long.parseLong(pid)).orElseThrow().destroyForcibly()).isTrue();
  }

  @Override
  protected List<String> leftovers(String pod, String mark) throws IOException {
    List<String> left = new ArrayList<>();
    if (Files.exists(directory.resolve("local").resolve(pod))) {
      left.add("file " + pod);
    }
    try (Stream<Path> processes = Files.list(Path.of("/proc"))) {
      for (Path process :
          processes.filter(p -> p.getFileName().toString().matches("[0-9]+")).toList()) {
        String arguments = read(process.resolve("cmdline")).replace('\0', ' ');
        if (arguments.contains(mark) || arguments.contains(pod)) {
          left.add("process " + process.getFileName() + " " + arguments);
        }
        read(process.resolve("mountinfo"))
            .lines()
            .filter(line -> line.contains(pod))
            .forEach(line -> left.add("mount seen by " + process.getFileName() + " " + line));
      }
    }
    return left;
  }

  /** Empty for a process that has just ended. */
  private static String read(Path file) {
    try {
      return new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
    } catch (IOException e) {
      return "";
    }
  }
}
