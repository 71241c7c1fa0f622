package dev.grange.api.context;

import com.github.luben.zstd.ZstdInputStream;
import dev.grange.registry.Digests;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;

/**
 * Takes an archive that somebody sent and writes one of which everything is known: plain names, no
 * owners, no times, no special bits, nothing but files, folders and links that stay inside. The
 * same contents in the same order give the same bytes.
 *
 * <p>Nothing is unpacked to the file system on the way.
 */
final class ContextArchive {
  /** What one entry's headers may take: a name, a link and extended attributes. */
  private static final long MAX_HEADERS = 1L << 20;

  private static final int PERMISSIONS = 0777;

  private final ContextSettings settings;

  ContextArchive(ContextSettings settings) {
    this.settings = settings;
  }

  /**
   * What was written.
   *
   * @param digest of the written archive
   * @param size of it in bytes
   */
  record Normalised(String digest, long size, int entries) {}

  /**
   * Reads {@code raw} and writes a tar.gz to {@code normal}.
   *
   * @throws InvalidArchive when it may not be a context
   */
  Normalised normalise(Path raw, Path normal) throws IOException {
    MessageDigest sha256 = Digests.sha256();
    int entries;
    try (InputStream file = new BufferedInputStream(Files.newInputStream(raw), 1 << 16)) {
      try (OutputStream out =
              new BufferedOutputStream(
                  new DigestOutputStream(Files.newOutputStream(normal), sha256), 1 << 16);
          GZIPOutputStream gzip = new GZIPOutputStream(out, 1 << 16);
          TarArchiveOutputStream tar =
              new TarArchiveOutputStream(gzip, StandardCharsets.UTF_8.name())) {
        tar.setLongFileMode(TarArchiveOutputStream.LONGFILE_POSIX);
        tar.setBigNumberMode(TarArchiveOutputStream.BIGNUMBER_POSIX);
        tar.setAddPaxHeadersForNonAsciiNames(true);
        entries = copy(file, Files.size(raw), tar);
        tar.finish();
      }
    }
    return new Normalised(Digests.text(sha256), Files.size(normal), entries);
  }

  private int copy(InputStream file, long packed, TarArchiveOutputStream out) throws IOException {
    InputStream unpacked;
    try {
      unpacked = unpack(file);
    } catch (IOException e) {
      throw notReadable();
    }
    Meter meter = new Meter(unpacked, packed, settings.maxUnpackedBytes(), settings.maxRatio());
    try (TarArchiveInputStream in =
        new TarArchiveInputStream(meter, StandardCharsets.UTF_8.name())) {
      Tree tree = new Tree();
      int entries = 0;
      for (TarArchiveEntry entry = next(in, meter); entry != null; entry = next(in, meter)) {
        if (++entries > settings.maxEntries()) {
          throw new InvalidArchive("It has more than " + settings.maxEntries() + " entries.");
        }
        copy(in, entry, tree, out);
      }
      tree.finish();
      // an archive of nothing is blocks of zeros; the reader takes a few stray bytes for one as
      // well
      if (entries == 0 && meter.count() < TarConstants.DEFAULT_RCDSIZE) {
        throw notReadable();
      }
      return entries;
    }
  }

  /** Whatever the magic bytes say; what is sent as Content-Type does not count. */
  private static InputStream unpack(InputStream file) throws IOException {
    file.mark(4);
    byte[] magic = file.readNBytes(4);
    file.reset();
    if (magic.length >= 2 && (magic[0] & 0xff) == 0x1f && (magic[1] & 0xff) == 0x8b) {
      return new GZIPInputStream(file, 1 << 16);
    }
    if (magic.length == 4
        && (magic[0] & 0xff) == 0x28
        && (magic[1] & 0xff) == 0xb5
        && (magic[2] & 0xff) == 0x2f
        && (magic[3] & 0xff) == 0xfd) {
      return new ZstdInputStream(file);
    }
    return file;
  }

  private static TarArchiveEntry next(TarArchiveInputStream in, Meter meter) throws IOException {
    // The entry before was read to its end, so all that is read now are headers.
    meter.atMost(MAX_HEADERS);
    try {
      TarArchiveEntry entry = in.getNextEntry();
      if (entry != null && !entry.isCheckSumOK()) {
        throw notReadable();
      }
      return entry;
    } catch (InvalidArchive e) {
      throw e;
    } catch (IOException | RuntimeException e) {
      // commons-compress answers damaged headers with either
      throw notReadable();
    } finally {
      meter.freely();
    }
  }

  private void copy(
      TarArchiveInputStream in, TarArchiveEntry entry, Tree tree, TarArchiveOutputStream out)
      throws IOException {
    String name = tree.name(entry.getName());
    if (entry.isSparse()) {
      throw new InvalidArchive(Tree.shown(name) + " is a sparse file. Pack it without --sparse.");
    }
    if (entry.isSymbolicLink()) {
      tree.link(name, entry.getLinkName());
      TarArchiveEntry link = entry(name, TarConstants.LF_SYMLINK, PERMISSIONS);
      link.setLinkName(entry.getLinkName());
      put(out, link);
    } else if (entry.isLink()) {
      TarArchiveEntry link = entry(name, TarConstants.LF_LINK, entry.getMode());
      link.setLinkName(tree.hardLink(name, entry.getLinkName()));
      put(out, link);
    } else if (entry.isDirectory()) {
      if (!name.isEmpty() && tree.folder(name)) {
        put(out, entry(name + "/", TarConstants.LF_DIR, entry.getMode()));
      }
    } else if (entry.isCharacterDevice() || entry.isBlockDevice() || entry.isFIFO()) {
      throw new InvalidArchive(
          Tree.shown(name) + " is a device or a pipe. A context has files, folders and links.");
    } else if (isPlainFile(entry)) {
      tree.file(name);
      copyFile(in, entry, name, out);
    } else {
      throw new InvalidArchive(
          Tree.shown(name)
              + " is of a kind that is not known. A context has files, folders and links.");
    }
  }

  private static boolean isPlainFile(TarArchiveEntry entry) {
    byte kind = entry.getLinkFlag();
    return kind == TarConstants.LF_NORMAL
        || kind == TarConstants.LF_OLDNORM
        || kind == TarConstants.LF_CONTIG;
  }

  private static void copyFile(
      TarArchiveInputStream in, TarArchiveEntry entry, String name, TarArchiveOutputStream out)
      throws IOException {
    TarArchiveEntry file = entry(name, TarConstants.LF_NORMAL, entry.getMode());
    file.setSize(entry.getSize());
    out.putArchiveEntry(file);
    byte[] buffer = new byte[1 << 16];
    long left = entry.getSize();
    while (left > 0) {
      int n = read(in, buffer, (int) Math.min(buffer.length, left));
      if (n < 0) {
        throw notReadable();
      }
      out.write(buffer, 0, n);
      left -= n;
    }
    out.closeArchiveEntry();
  }

  private static int read(TarArchiveInputStream in, byte[] buffer, int length) throws IOException {
    try {
      return in.read(buffer, 0, length);
    } catch (InvalidArchive e) {
      throw e;
    } catch (IOException | RuntimeException e) {
      // the decompressor or the archive ended early, or a checksum is wrong
      throw notReadable();
    }
  }

  private static TarArchiveEntry entry(String name, byte kind, int mode) {
    TarArchiveEntry entry = new TarArchiveEntry(name, kind);
    entry.setMode(mode & PERMISSIONS);
    entry.setIds(0, 0);
    entry.setNames("", "");
    entry.setLastModifiedTime(FileTime.fromMillis(0));
    return entry;
  }

  private static void put(TarArchiveOutputStream out, TarArchiveEntry entry) throws IOException {
    out.putArchiveEntry(entry);
    out.closeArchiveEntry();
  }

  private static InvalidArchive notReadable() {
    return new InvalidArchive(
        "It is no tar, tar.gz or tar.zst, or it is damaged: send what tar -c, -cz or --zstd"
            + " writes.");
  }
}
