package dev.grange.scheduler.token;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.UUID;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * The secrets of attempts, derived from their ids: nothing has to be stored, and whoever makes an
 * attempt's pod a second time gives it the same one.
 */
final class AttemptCredentials {
  /** Of the names of attempts at the token service. */
  static final String PREFIX = "attempt-";

  private static final String MAC = "HmacSHA256";
  private static final int LEAST_CHARACTERS = 32;

  private final List<SecretKeySpec> keys = new ArrayList<>();

  private AttemptCredentials() {}

  static AttemptCredentials of(Path file) {
    AttemptCredentials credentials = new AttemptCredentials();
    try {
      for (String line : Files.readAllLines(file)) {
        if (!line.isBlank()) {
          if (line.strip().length() < LEAST_CHARACTERS) {
            throw new IOException("a line has fewer than " + LEAST_CHARACTERS + " characters");
          }
          credentials.keys.add(
              new SecretKeySpec(line.strip().getBytes(StandardCharsets.UTF_8), MAC));
        }
      }
      if (credentials.keys.isEmpty()) {
        throw new IOException("it is empty");
      }
    } catch (IOException e) {
      throw new IllegalStateException(
          "grange.tokens.attempt-secret-file %s cannot be used: %s".formatted(file, e.getMessage()),
          e);
    }
    return credentials;
  }

  String secretOf(UUID attempt) {
    return Base64.getUrlEncoder().withoutPadding().encodeToString(mac(keys.getFirst(), attempt));
  }

  boolean isGenuine(UUID attempt, String secret) {
    byte[] given;
    try {
      given = Base64.getUrlDecoder().decode(secret);
    } catch (IllegalArgumentException e) {
      return false;
    }
    boolean genuine = false;
    for (SecretKeySpec key : keys) {
      genuine |= MessageDigest.isEqual(mac(key, attempt), given);
    }
    return genuine;
  }

  private static byte[] mac(SecretKeySpec key, UUID attempt) {
    try {
      Mac mac = Mac.getInstance(MAC);
      mac.init(key);
      return mac.doFinal((PREFIX + attempt).getBytes(StandardCharsets.US_ASCII));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("every Java has " + MAC, e);
    }
  }
}
