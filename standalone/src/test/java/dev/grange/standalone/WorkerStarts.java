package dev.grange.standalone;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.stream.Stream;

/**
 * The worker's own scripts, and one before them that writes down each start: what really ran,
 * whatever the farm's tables say.
 */
record WorkerStarts(Path bin, Path file) {
  private static final String ENTRYPOINT = "grange-worker-entrypoint";

  static WorkerStarts in(Path bin) throws IOException {
    Files.createDirectories(bin);
    Path file = Files.createFile(bin.resolve("starts"));
    Path real = RunningFarm.ROOT.resolve("worker-image/bin");
    try (Stream<Path> scripts = Files.list(real)) {
      for (Path script : scripts.toList()) {
        if (!script.endsWith(ENTRYPOINT)) {
          Files.createSymbolicLink(bin.resolve(script.getFileName()), script);
        }
      }
    }
    Path entrypoint = bin.resolve(ENTRYPOINT);
    Files.writeString(
        entrypoint,
        """
        #!/bin/sh
        echo "${GRANGE_JOB##*/}" >>'%s'
        exec '%s' "$@"
        """
            .formatted(file, real.resolve(ENTRYPOINT)));
    Files.setPosixFilePermissions(entrypoint, PosixFilePermissions.fromString("rwxr-xr-x"));
    return new WorkerStarts(bin, file);
  }

  /** The names of the pods whose worker was started, one for each start. */
  List<String> pods() throws IOException {
    return Files.readAllLines(file);
  }
}
