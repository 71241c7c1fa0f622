package dev.grange.cli.context;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.jspecify.annotations.Nullable;

/**
 * A context directory as a tar.gz that depends on nothing but names, contents and permissions:
 * sorted, no times, no owners. Equal directories on two machines give one digest, so the second
 * upload is saved.
 *
 * @param file a temporary file; the caller deletes it
 * @param digest {@code sha256:…} of the file
 * @param files how many files and links went in
 * @param ignored how many entries the ignore file left out; an ignored directory counts once
 * @param skipped what cannot travel in a context (sockets, pipes, devices)
 */
public record ContextArchive(
    Path file, String digest, long size, int files, int ignored, List<String> skipped) {

  /**
   * Packs a directory.
   *
   * @param containerfile the recipe, for an ignore file of its own; null when it came from
   *     elsewhere
   * @param home the farm's own data, which holds a token: never packed, whatever the ignore file
   *     says
   * @throws IllegalArgumentException when the ignore file cannot be understood
   */
  public static ContextArchive pack(Path directory, @Nullable Path containerfile, Path home)
      throws IOException {
    IgnoreRules rules = IgnoreRules.of(directory, containerfile);
    Path root = directory.toRealPath();
    Path secret = Files.exists(home) ? home.toRealPath() : home.toAbsolutePath().normalize();
    Packer packer = new Packer(secret, rules);
    Path file = Files.createTempFile("grange-context-", ".tar.gz");
    try {
      MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
      try (OutputStream out =
              new BufferedOutputStream(
                  new DigestOutputStream(Files.newOutputStream(file), sha256), 1 << 16);
          TarArchiveOutputStream tar =
              new TarArchiveOutputStream(new GZIPOutputStream(out, 1 << 16), "UTF-8")) {
        tar.setLongFileMode(TarArchiveOutputStream.LONGFILE_POSIX);
        tar.setBigNumberMode(TarArchiveOutputStream.BIGNUMBER_POSIX);
        tar.setAddPaxHeadersForNonAsciiNames(true);
        packer.directory(root, "", tar);
        tar.finish();
      }
      return new ContextArchive(
          file,
          "sha256:" + HexFormat.of().formatHex(sha256.digest()),
          Files.size(file),
          packer.files,
          packer.ignored,
          List.copyOf(packer.skipped));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    } catch (IOException | RuntimeException e) {
      Files.deleteIfExists(file);
      throw e;
    }
  }

  private static final class Packer {

    private final Path secret;
    private final IgnoreRules rules;
    private final List<String> skipped = new ArrayList<>();
    private int files;
    private int ignored;

    Packer(Path secret, IgnoreRules rules) {
      this.secret = secret;
      this.rules = rules;
    }

    void directory(Path directory, String prefix, TarArchiveOutputStream tar) throws IOException {
      List<Path> children;
      try (var listing = Files.list(directory)) {
        children =
            listing
                .sorted(Comparator.comparing((Path child) -> child.getFileName().toString()))
                .toList();
      }
      for (Path child : children) {
        if (child.equals(secret)) {
          continue;
        }
        String name = prefix + child.getFileName();
        BasicFileAttributes attributes =
            Files.readAttributes(child, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        if (rules.ignores(name)) {
          ignored++;
          if (attributes.isDirectory() && rules.mayTakeBack()) {
            ignored--;
            directory(child, name + "/", tar);
          }
          continue;
        }
        if (attributes.isDirectory()) {
          put(tar, entry(child, name + "/", TarConstants.LF_DIR));
          directory(child, name + "/", tar);
        } else if (attributes.isSymbolicLink()) {
          TarArchiveEntry link = new TarArchiveEntry(name, TarConstants.LF_SYMLINK);
          link.setLinkName(Files.readSymbolicLink(child).toString());
          link.setMode(0777);
          put(tar, anonymous(link));
          files++;
        } else if (attributes.isRegularFile()) {
          TarArchiveEntry file = entry(child, name, TarConstants.LF_NORMAL);
          file.setSize(attributes.size());
          tar.putArchiveEntry(file);
          Files.copy(child, tar);
          tar.closeArchiveEntry();
          files++;
        } else {
          skipped.add(name);
        }
      }
    }

    private static TarArchiveEntry entry(Path path, String name, byte type) throws IOException {
      TarArchiveEntry entry = new TarArchiveEntry(name, type);
      int mode = (Integer) Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS) & 07777;
      // Group write is a matter of somebody's umask and would make two checkouts differ. Who lets
      // everybody write,
      // means it.
      entry.setMode((mode & 0002) != 0 ? mode : mode & ~0020);
      return anonymous(entry);
    }

    private static TarArchiveEntry anonymous(TarArchiveEntry entry) {
      entry.setModTime(0L);
      entry.setIds(0, 0);
      entry.setNames("", "");
      return entry;
    }

    private static void put(TarArchiveOutputStream tar, TarArchiveEntry entry) throws IOException {
      tar.putArchiveEntry(entry);
      tar.closeArchiveEntry();
    }
  }
}
