package dev.grange.testbed;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Programs of this machine, run to their end. */
final class Command {
  private Command() {}

  /** How a program ended, and what it said. */
  record Result(int status, String out, String err) {}

  static Result run(List<String> command, Map<String, String> environment) {
    try {
      Path err = Files.createTempFile("testbed", ".err");
      try {
        ProcessBuilder builder = new ProcessBuilder(command).redirectError(err.toFile());
        builder.environment().putAll(environment);
        Process process = builder.start();
        process.getOutputStream().close();
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Result(process.waitFor(), out, Files.readString(err));
      } finally {
        Files.delete(err);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }

  /** Runs a program that must end well, and returns what it said. */
  static String must(List<String> command) {
    Result result = run(command, Map.of());
    if (result.status() != 0) {
      throw new IllegalStateException(
          "%s ended with %d: %s%s"
              .formatted(String.join(" ", command), result.status(), result.out(), result.err()));
    }
    return result.out();
  }
}
