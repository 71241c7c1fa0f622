package dev.grange.standalone;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What a JVM learnt about its classes at an earlier start (JEP 483, 514): two thirds of a start's
 * work. It lies beside the program that it belongs to, so a clean build removes it, and a JVM for
 * which it does not fit goes without.
 *
 * @param file the cache
 * @param program the jar that is started, with its class path in its manifest and below its folder
 */
record AotCache(Path file, Path program) {
  /** Whether it was made from these jars by this JVM. */
  boolean isCurrent() throws IOException {
    return Files.exists(file)
        && Files.exists(writer())
        && Files.readString(writer()).equals(jvm())
        && !newestOfProgram()
            .orElse(FileTime.fromMillis(0))
            .toInstant()
            .isAfter(Files.getLastModifiedTime(file).toInstant());
  }

  /** For a JVM that starts from the cache. */
  List<String> use() throws IOException {
    return isCurrent() ? List.of("-XX:AOTCache=" + file) : List.of();
  }

  /** For a JVM that writes a new one when it ends. */
  List<String> record() {
    return List.of("-XX:AOTCacheOutput=" + fresh());
  }

  /** Puts in place what a JVM has written; false if it has written nothing. */
  boolean adopt() throws IOException {
    if (!Files.exists(fresh())) {
      return false;
    }
    Files.deleteIfExists(writer());
    Files.move(fresh(), file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    Files.writeString(writer(), jvm());
    return true;
  }

  boolean isWritable() {
    Path folder = file.getParent();
    return folder != null && Files.isWritable(folder);
  }

  private Path fresh() {
    return file.resolveSibling(file.getFileName() + ".new");
  }

  private Path writer() {
    return file.resolveSibling(file.getFileName() + ".jvm");
  }

  private static String jvm() {
    return System.getProperty("java.vm.name") + " " + System.getProperty("java.vm.version");
  }

  private Optional<FileTime> newestOfProgram() throws IOException {
    Path folder = program.getParent();
    if (folder == null) {
      return Optional.empty();
    }
    try (Stream<Path> files = Files.walk(folder, 3)) {
      List<Path> jars = files.filter(path -> path.toString().endsWith(".jar")).toList();
      Optional<FileTime> newest = Optional.empty();
      for (Path jar : jars) {
        FileTime time = Files.getLastModifiedTime(jar);
        if (newest.isEmpty() || newest.get().compareTo(time) < 0) {
          newest = Optional.of(time);
        }
      }
      return newest;
    }
  }
}
