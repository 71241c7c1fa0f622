package dev.grange.standalone;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/** Programs of this machine that the tests of whole farms call. */
final class Tools {
  private Tools() {}

  /** How a program ended, and what it said. */
  record Result(int status, String out, String err) {}

  static Result run(List<String> command, Map<String, String> environment)
      throws IOException, InterruptedException {
    Path err = Files.createTempFile("farm-it", ".err");
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
  }

  /** Runs a program that must end well, and returns what it said. */
  static String run(String... command) throws IOException, InterruptedException {
    Result result = run(List.of(command), Map.of());
    if (result.status() != 0) {
      throw new IOException(String.join(" ", command) + ": " + result);
    }
    return result.out();
  }

  /** Sends a signal; who has ended meanwhile is no failure. */
  static void signal(String name, long... pids) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("kill", "-" + name));
    for (long pid : pids) {
      command.add(Long.toString(pid));
    }
    Result _ = run(command, Map.of());
  }

  static String java() {
    return Path.of(System.getProperty("java.home"), "bin", "java").toString();
  }

  static Path busybox() {
    for (String folder : System.getenv("PATH").split(":", -1)) {
      Path candidate = Path.of(folder, "busybox");
      if (Files.isExecutable(candidate)) {
        return candidate;
      }
    }
    throw new IllegalStateException(
        "these tests need a statically linked busybox: apt-get install busybox-static");
  }

  static String sha256(byte[] bytes) {
    try {
      return "sha256:"
          + HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
