package dev.grange.embedded.testing;

import dev.grange.embedded.EmbeddedKafka;
import dev.grange.embedded.EmbeddedPostgres;
import dev.grange.embedded.FreePorts;
import dev.grange.embedded.RegistryProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.stream.Stream;

/**
 * Child processes and an in-process Kafka, in a folder under {@code target} that goes with them.
 */
final class EmbeddedBackend implements Backend {
  private final Path folder;
  private final Deque<AutoCloseable> services = new ArrayDeque<>();

  EmbeddedBackend() throws IOException {
    // Surefire sets basedir; an IDE starts in the module or in the project.
    Path target = Path.of(System.getProperty("basedir", ""), "target").toAbsolutePath();
    Files.createDirectories(target);
    folder = Files.createTempDirectory(target, "services-");
  }

  @Override
  public PostgresServer startPostgres() throws IOException, InterruptedException {
    EmbeddedPostgres postgres =
        EmbeddedPostgres.start(
            new EmbeddedPostgres.Options(
                folder.resolve("postgres"),
                FreePorts.any(),
                false,
                folder.resolve("postgres.log")));
    services.push(postgres);
    return new PostgresServer(
        "127.0.0.1", postgres.port(), EmbeddedPostgres.OWNER, postgres.ownerPassword());
  }

  @Override
  public String startKafka() throws IOException {
    EmbeddedKafka kafka =
        EmbeddedKafka.start(
            new EmbeddedKafka.Options(
                folder.resolve("kafka"), FreePorts.any(), FreePorts.any(), false));
    services.push(kafka);
    return kafka.bootstrap();
  }

  @Override
  public String startRegistry(String name) throws IOException, InterruptedException {
    RegistryProcess registry =
        RegistryProcess.start(
            new RegistryProcess.Options(
                folder.resolve(name), "127.0.0.1", FreePorts.any(), folder.resolve(name + ".log")));
    services.push(registry);
    return registry.address();
  }

  @Override
  public void close() throws IOException {
    IOException failure = new IOException("test services did not stop");
    for (AutoCloseable service : services) {
      try {
        service.close();
      } catch (Exception e) {
        failure.addSuppressed(e);
      }
    }
    services.clear();
    if (Files.exists(folder)) {
      List<Path> deepestFirst;
      try (Stream<Path> files = Files.walk(folder)) {
        deepestFirst = files.sorted(Comparator.reverseOrder()).toList();
      }
      for (Path file : deepestFirst) {
        Files.deleteIfExists(file);
      }
    }
    if (failure.getSuppressed().length > 0) {
      throw failure;
    }
  }
}
