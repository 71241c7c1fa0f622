package dev.grange.embedded;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * Output files of child processes: appended to, with one older generation, so that they cannot grow
 * from start to start.
 */
public final class LogFile {
  private static final long LARGE_BYTES = 16L << 20;

  private LogFile() {}

  /** Where a child's output goes. A large file is set aside first, as {@code NAME.1}. */
  public static ProcessBuilder.Redirect append(Path file) throws IOException {
    Path directory = file.toAbsolutePath().getParent();
    if (directory != null) {
      Files.createDirectories(directory);
    }
    if (Files.exists(file) && Files.size(file) > LARGE_BYTES) {
      Files.move(
          file,
          file.resolveSibling(file.getFileName() + ".1"),
          StandardCopyOption.REPLACE_EXISTING);
    }
    return ProcessBuilder.Redirect.appendTo(file.toFile());
  }
}
