package dev.grange.cli.context;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ContextArchiveTest {

  @TempDir Path directory;

  @Test
  void equal_directories_give_equal_archives() throws IOException {
    Path one = tree("one", "rw-rw-r--", Instant.EPOCH);
    Path two = tree("two", "rw-r--r--", Instant.parse("2026-01-01T00:00:00Z"));
    ContextArchive first = pack(one);
    ContextArchive second = pack(two);
    assertThat(first.digest()).isEqualTo(second.digest());
    assertThat(first.file()).hasSameBinaryContentAs(second.file());
  }

  @Test
  void the_digest_is_that_of_the_file() throws IOException, NoSuchAlgorithmException {
    ContextArchive archive = pack(tree("one", "rw-r--r--", Instant.EPOCH));
    byte[] sha256 = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(archive.file()));
    assertThat(archive.digest()).isEqualTo("sha256:" + HexFormat.of().formatHex(sha256));
    assertThat(archive.size()).isEqualTo(Files.size(archive.file()));
  }

  @Test
  void holds_sorted_names_without_times_and_owners() throws IOException {
    ContextArchive archive = pack(tree("one", "rwxr-x---", Instant.now()));
    List<TarArchiveEntry> entries = entries(archive);
    assertThat(entries)
        .extracting(TarArchiveEntry::getName)
        .containsExactly("Containerfile", "a", "link", "sub/", "sub/z", "sub/ä" + "x".repeat(150));
    assertThat(entries)
        .allSatisfy(
            entry -> {
              assertThat(entry.getLastModifiedTime().toMillis()).isZero();
              assertThat(entry.getLongUserId()).isZero();
              assertThat(entry.getUserName()).isEmpty();
            });
    assertThat(entries.get(1).getMode() & 0777).isEqualTo(0750);
    assertThat(entries.get(2).getLinkName()).isEqualTo("sub/z");
    assertThat(archive.files()).isEqualTo(5);
  }

  @Test
  void leaves_out_what_is_ignored_and_takes_back_what_is_not() throws IOException {
    Path tree = tree("one", "rw-r--r--", Instant.EPOCH);
    Files.writeString(tree.resolve(".dockerignore"), "a\n");
    Files.writeString(tree.resolve(".containerignore"), "sub\n!sub/z\n.*ignore\n");
    ContextArchive archive = pack(tree);
    assertThat(entries(archive))
        .extracting(TarArchiveEntry::getName)
        .containsExactly("Containerfile", "a", "link", "sub/z");
    assertThat(archive.ignored()).isEqualTo(3);
  }

  @Test
  void prefers_the_ignore_file_of_the_containerfile() throws IOException {
    Path tree = tree("one", "rw-r--r--", Instant.EPOCH);
    Files.writeString(tree.resolve(".containerignore"), "a\n");
    Files.writeString(tree.resolve("Containerfile.containerignore"), "*\n!a\n");
    ContextArchive archive =
        ContextArchive.pack(tree, tree.resolve("Containerfile"), directory.resolve("home"));
    assertThat(entries(archive)).extracting(TarArchiveEntry::getName).containsExactly("a");
  }

  @Test
  void never_packs_the_farms_own_home_with_its_token() throws IOException {
    Path tree = tree("one", "rw-r--r--", Instant.EPOCH);
    Path home = Files.createDirectory(tree.resolve(".grange"));
    Files.writeString(home.resolve("token"), "secret");
    assertThat(entries(ContextArchive.pack(tree, null, home)))
        .extracting(TarArchiveEntry::getName)
        .noneMatch(name -> name.startsWith(".grange"));
  }

  @Test
  void names_what_cannot_travel() throws IOException, InterruptedException {
    Path tree = tree("one", "rw-r--r--", Instant.EPOCH);
    assertThat(new ProcessBuilder("mkfifo", tree.resolve("pipe").toString()).start().waitFor())
        .isZero();
    assertThat(pack(tree).skipped()).containsExactly("pipe");
  }

  private ContextArchive pack(Path tree) throws IOException {
    ContextArchive archive = ContextArchive.pack(tree, null, directory.resolve("home"));
    archive.file().toFile().deleteOnExit();
    return archive;
  }

  private Path tree(String name, String mode, Instant time) throws IOException {
    Path tree = Files.createDirectory(directory.resolve(name));
    Path sub = Files.createDirectory(tree.resolve("sub"));
    List<Path> files =
        List.of(
            tree.resolve("a"),
            tree.resolve("Containerfile"),
            sub.resolve("z"),
            sub.resolve("ä" + "x".repeat(150)));
    for (Path file : files) {
      Files.writeString(file, file.getFileName().toString());
      Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(mode));
      Files.setLastModifiedTime(file, FileTime.from(time));
    }
    Files.createSymbolicLink(tree.resolve("link"), Path.of("sub/z"));
    return tree;
  }

  private static List<TarArchiveEntry> entries(ContextArchive archive) throws IOException {
    List<TarArchiveEntry> entries = new ArrayList<>();
    try (TarArchiveInputStream tar =
        new TarArchiveInputStream(new GZIPInputStream(Files.newInputStream(archive.file())))) {
      for (TarArchiveEntry entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
        entries.add(entry);
      }
    }
    return entries;
  }
}
