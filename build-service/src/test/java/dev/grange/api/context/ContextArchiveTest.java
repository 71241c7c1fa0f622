package dev.grange.api.context;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.luben.zstd.Zstd;
import dev.grange.api.testing.Archives;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ContextArchiveTest {
  @TempDir Path folder;

  private record Settings(
      long maxBytes,
      long maxUnpackedBytes,
      int maxRatio,
      int maxEntries,
      int maxConcurrent,
      Optional<Path> directory,
      Optional<Path> registryAuthFile)
      implements ContextSettings {}

  private final ContextArchive archive =
      new ContextArchive(
          new Settings(1 << 30, 96 << 20, 100, 1000, 1, Optional.empty(), Optional.empty()));

  private ContextArchive.Normalised normalise(byte[] bytes) throws IOException {
    Path raw = Files.write(folder.resolve("raw"), bytes);
    return archive.normalise(raw, folder.resolve("normal"));
  }

  private List<TarArchiveEntry> entries(byte[] bytes) throws IOException {
    normalise(bytes);
    List<TarArchiveEntry> entries = new ArrayList<>();
    try (InputStream file = Files.newInputStream(folder.resolve("normal"));
        TarArchiveInputStream in = new TarArchiveInputStream(new GZIPInputStream(file))) {
      for (TarArchiveEntry entry = in.getNextEntry(); entry != null; entry = in.getNextEntry()) {
        entries.add(entry);
      }
    }
    return entries;
  }

  private void refused(byte[] bytes, String reason) {
    assertThatThrownBy(() -> normalise(bytes))
        .isInstanceOf(InvalidArchive.class)
        .hasMessageContaining(reason);
  }

  @Test
  void filesFoldersAndLinksKeepTheirNamesContentsAndPermissionsAndNothingElse() throws IOException {
    byte[] bytes =
        Archives.tar()
            .folder(".")
            .file("./bin/run", "#!")
            .folder("etc")
            .link("etc/run", "../bin/run")
            .hardLink("bin/again", "./bin/run")
            .file("a".repeat(200) + "/é", "x")
            .bytes();
    List<TarArchiveEntry> entries = entries(bytes);
    assertThat(entries)
        .extracting(TarArchiveEntry::getName)
        .containsExactly("bin/run", "etc/", "etc/run", "bin/again", "a".repeat(200) + "/é");
    TarArchiveEntry file = entries.getFirst();
    assertThat(file.getMode() & 07777).isEqualTo(0755);
    assertThat(file.getLongUserId()).isZero();
    assertThat(file.getUserName()).isEmpty();
    assertThat(file.getModTime().getTime()).isZero();
    assertThat(entries.get(2).getLinkName()).isEqualTo("../bin/run");
    assertThat(entries.get(3).getLinkName()).isEqualTo("bin/run");
  }

  @Test
  void theSameContentsGiveTheSameBytesHoweverTheyWerePacked() throws IOException {
    byte[] tar = Archives.tar().file("a", "1").file("b", "2").bytes();
    ContextArchive.Normalised plain = normalise(tar);
    assertThat(normalise(Archives.gzip(tar))).isEqualTo(plain);
    assertThat(normalise(Zstd.compress(tar))).isEqualTo(plain);
    assertThat(plain.entries()).isEqualTo(2);
    assertThat(plain.size()).isEqualTo(Files.size(folder.resolve("normal")));
  }

  @Test
  void namesThatLeadOutAreRefused() {
    refused(Archives.tar().file("../a", "x").bytes(), "\"..\"");
    refused(Archives.tar().file("a/../../b", "x").bytes(), "\"..\"");
    refused(Archives.tar().folder("a/..").bytes(), "\"..\"");
    refused(Archives.tar().file("/etc/passwd", "x").bytes(), "absolute");
    refused(Archives.tar().folder("/").bytes(), "absolute");
  }

  @Test
  void linksThatLeadOutAreRefusedDirectlyAndThroughOthers() throws IOException {
    refused(Archives.tar().link("a", "/etc/passwd").bytes(), "leads out");
    refused(Archives.tar().link("a", "../x").bytes(), "leads out");
    refused(Archives.tar().link("b/a", "../../x").bytes(), "leads out");
    // each is harmless alone: x/y/up is the root, so above it is outside
    refused(Archives.tar().link("x/y/up", "../..").link("out", "x/y/up/../z").bytes(), "leads out");
    refused(Archives.tar().link("out", "x/y/up/../z").link("x/y/up", "../..").bytes(), "leads out");
    refused(Archives.tar().hardLink("a", "../x").bytes(), "\"..\"");
    refused(Archives.tar().hardLink("a", "/etc/passwd").bytes(), "absolute");
    refused(Archives.tar().hardLink("a", "b").bytes(), "names no file before it");
    refused(Archives.tar().link("l", "x").hardLink("a", "l").bytes(), "names no file before it");
    entries(
        Archives.tar().link("loop", "loop").link("up", "x/../.").link("gone", "not/there").bytes());
  }

  @Test
  void nothingIsWrittenThroughALinkOrOverAnother() {
    refused(Archives.tar().link("a", "b").file("a/x", "1").bytes(), "is no folder");
    refused(Archives.tar().file("a/x", "1").link("a", "b").bytes(), "twice");
    refused(Archives.tar().file("a", "1").file("./a", "2").bytes(), "twice");
    refused(Archives.tar().file("a", "1").folder("a").bytes(), "twice");
    refused(Archives.tar().file("a", "1").file("a/b", "2").bytes(), "is no folder");
    refused(Archives.tar().file("a", "1").link("a", "b").bytes(), "twice");
    refused(Archives.tar().folder("a").link("a", "b").bytes(), "twice");
  }

  @Test
  void devicesAndPipesAreRefused() {
    for (byte kind : new byte[] {TarConstants.LF_CHR, TarConstants.LF_BLK, TarConstants.LF_FIFO}) {
      refused(Archives.tar().special("dev", kind).bytes(), "device or a pipe");
    }
    refused(Archives.tar().special("x", (byte) '9').bytes(), "kind that is not known");
  }

  @Test
  void bombsAreRefusedBeforeTheyFillTheDisk() throws IOException {
    byte[] bomb = Archives.tar().zeros("zeros", 70 << 20).gzip();
    assertThat(bomb.length).isLessThan(1 << 20);
    refused(bomb, "as a bomb does");
    refused(Zstd.compress(Archives.tar().zeros("zeros", 70 << 20).bytes()), "as a bomb does");
    assertThat(Files.size(folder.resolve("normal"))).isLessThan(10 << 20);
    refused(Archives.tar().zeros("zeros", 97 << 20).bytes(), "larger than");
    Archives many = Archives.tar();
    for (int i = 0; i <= 1000; i++) {
      many.file("f" + i, "");
    }
    refused(many.bytes(), "more than 1000 entries");
  }

  @Test
  void aHeaderThatAnnouncesANameOfGigabytesIsNotReadToItsEnd() {
    refused(
        Archives.tar().longName(2 << 20).file("a", "").bytes(), "header of it is far too large");
    refused(Archives.tar().file("x/".repeat(3000) + "y", "").gzip(), "more than 4096 characters");
  }

  @Test
  void whatIsNoArchiveIsRefused() throws IOException {
    refused(new byte[0], "no tar");
    refused("hello".getBytes(StandardCharsets.UTF_8), "no tar");
    refused(new byte[] {0x1f, (byte) 0x8b, 8, 0}, "no tar");
    refused(new byte[] {0x28, (byte) 0xb5, 0x2f, (byte) 0xfd, 1, 2, 3}, "no tar");
    byte[] tar = Archives.tar().file("a", "x".repeat(5000)).bytes();
    refused(java.util.Arrays.copyOf(tar, 1500), "no tar");
    byte[] gzip = Archives.gzip(tar);
    refused(java.util.Arrays.copyOf(gzip, gzip.length - 12), "no tar");
    ByteArrayOutputStream noise = new ByteArrayOutputStream();
    byte[] random = new byte[4096];
    new Random(1).nextBytes(random);
    noise.write(random);
    refused(noise.toByteArray(), "no tar");
  }

  @Test
  void damagedArchivesAreRefusedOrReadAndNeverAnythingElse() throws IOException {
    byte[] good =
        Archives.tar()
            .file("a/b", "text")
            .link("l", "a/b")
            .file("n".repeat(150), "x")
            .folder("d")
            .bytes();
    Random random = new Random(42);
    for (int i = 0; i < 1000; i++) {
      byte[] bad = good.clone();
      for (int j = random.nextInt(4); j >= 0; j--) {
        bad[random.nextInt(bad.length)] = (byte) random.nextInt(256);
      }
      try {
        normalise(random.nextBoolean() ? bad : Archives.gzip(bad));
      } catch (InvalidArchive e) {
        assertThat(e.getMessage()).isNotEmpty();
      }
    }
  }
}
