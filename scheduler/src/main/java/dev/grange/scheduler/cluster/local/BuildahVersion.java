package dev.grange.scheduler.cluster.local;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * What {@code buildah --version} says. Every worker's log begins with it, and to ask costs more
 * than the rest of a worker's scripts: so it is asked once for each program that is installed.
 */
final class BuildahVersion {
  private record Asked(Path program, FileTime modified, String answer) {}

  private volatile @Nullable Asked last;

  /** Empty when it is not known: then the worker asks itself. */
  Optional<String> get() {
    try {
      Optional<Path> program = program();
      if (program.isEmpty()) {
        return Optional.empty();
      }
      FileTime modified = Files.getLastModifiedTime(program.get());
      Asked known = last;
      if (known == null
          || !known.program().equals(program.get())
          || !known.modified().equals(modified)) {
        known = new Asked(program.get(), modified, ask(program.get()));
        last = known;
      }
      return known.answer().isEmpty() ? Optional.empty() : Optional.of(known.answer());
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /** The first of that name on the path, as the worker finds it. */
  private static Optional<Path> program() {
    String path = System.getenv("PATH");
    if (path == null) {
      return Optional.empty();
    }
    for (String folder : path.split(File.pathSeparator, -1)) {
      Path candidate = Path.of(folder, "buildah");
      if (Files.isExecutable(candidate)) {
        return Optional.of(candidate);
      }
    }
    return Optional.empty();
  }

  private static String ask(Path program) throws IOException {
    Process process =
        new ProcessBuilder(program.toString(), "--version")
            .redirectErrorStream(true)
            .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")))
            .start();
    try (var out = process.getInputStream()) {
      String answer = new String(out.readNBytes(1000), StandardCharsets.UTF_8).strip();
      boolean ended = process.waitFor(5, TimeUnit.SECONDS);
      return ended && process.exitValue() == 0 && answer.lines().count() == 1 ? answer : "";
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return "";
    } finally {
      process.destroyForcibly();
    }
  }
}
