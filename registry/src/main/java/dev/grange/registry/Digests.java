package dev.grange.registry;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.regex.Pattern;

/**
 * Digests as the OCI image-spec writes them (descriptor.md): {@code sha256:} and 64 hexadecimal
 * digits.
 */
public final class Digests {
  private static final Pattern DIGEST = Pattern.compile("sha256:[0-9a-f]{64}");

  private Digests() {}

  public static boolean isDigest(String text) {
    return DIGEST.matcher(text).matches();
  }

  public static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }

  /** The digest of what was fed to {@code sha256}, which is reset. */
  public static String text(MessageDigest sha256) {
    return "sha256:" + HexFormat.of().formatHex(sha256.digest());
  }

  public static String of(byte[] bytes) {
    MessageDigest sha256 = sha256();
    sha256.update(bytes);
    return text(sha256);
  }
}
