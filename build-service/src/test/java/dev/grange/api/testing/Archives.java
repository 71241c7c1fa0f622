package dev.grange.api.testing;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;

/** Writes archives, good and hostile ones: names are written as they are given. */
public final class Archives {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final TarArchiveOutputStream out =
      new TarArchiveOutputStream(bytes, StandardCharsets.UTF_8.name());

  private Archives() {
    out.setLongFileMode(TarArchiveOutputStream.LONGFILE_GNU);
  }

  public static Archives tar() {
    return new Archives();
  }

  public Archives file(String name, String text) {
    byte[] data = text.getBytes(StandardCharsets.UTF_8);
    TarArchiveEntry entry = new TarArchiveEntry(name, TarConstants.LF_NORMAL, true);
    entry.setSize(data.length);
    entry.setMode(0106755);
    entry.setUserId(1000);
    entry.setUserName("somebody");
    return put(entry, data);
  }

  public Archives folder(String name) {
    return put(new TarArchiveEntry(name + "/", TarConstants.LF_DIR, true), new byte[0]);
  }

  public Archives link(String name, String target) {
    TarArchiveEntry entry = new TarArchiveEntry(name, TarConstants.LF_SYMLINK, true);
    entry.setLinkName(target);
    return put(entry, new byte[0]);
  }

  public Archives hardLink(String name, String target) {
    TarArchiveEntry entry = new TarArchiveEntry(name, TarConstants.LF_LINK, true);
    entry.setLinkName(target);
    return put(entry, new byte[0]);
  }

  public Archives special(String name, byte kind) {
    return put(new TarArchiveEntry(name, kind, true), new byte[0]);
  }

  /** The header of a long name, which a reader keeps in memory. */
  public Archives longName(int size) {
    TarArchiveEntry entry =
        new TarArchiveEntry(TarConstants.GNU_LONGLINK, TarConstants.LF_GNUTYPE_LONGNAME);
    entry.setSize(size);
    return put(entry, "x".repeat(size).getBytes(StandardCharsets.US_ASCII));
  }

  /** So many bytes of zeros. */
  public Archives zeros(String name, int size) {
    TarArchiveEntry entry = new TarArchiveEntry(name, TarConstants.LF_NORMAL, true);
    entry.setSize(size);
    return put(entry, new byte[size]);
  }

  private Archives put(TarArchiveEntry entry, byte[] data) {
    try {
      out.putArchiveEntry(entry);
      out.write(data);
      out.closeArchiveEntry();
      return this;
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  public byte[] bytes() {
    try {
      out.finish();
      return bytes.toByteArray();
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  public byte[] gzip() {
    return gzip(bytes());
  }

  public static byte[] gzip(byte[] data) {
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(packed)) {
      gzip.write(data);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
    return packed.toByteArray();
  }
}
