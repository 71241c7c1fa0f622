package dev.grange.embedded;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * The key that signs the tokens of a farm's registries, with its certificate: made once, kept in a
 * folder, mode 0600.
 *
 * @param key private key and certificate, PEM: for those who sign
 * @param certificate the same certificate alone: for the registries
 */
public record TokenKey(Path key, Path certificate) {
  private static final Base64.Encoder PEM =
      Base64.getMimeEncoder(64, "\n".getBytes(StandardCharsets.US_ASCII));
  private static final Path KEYTOOL = Path.of(System.getProperty("java.home"), "bin", "keytool");
  private static final int LIMIT_SECONDS = 60;

  /** The key in the folder; made, with the JDK's own keytool, if there is none. */
  public static TokenKey in(Path folder) throws IOException, InterruptedException {
    TokenKey paths =
        new TokenKey(folder.resolve("key.pem"), folder.resolve("certificate.pem")).absolute();
    if (Files.exists(paths.key())) {
      if (!Files.exists(paths.certificate())) {
        // it stands in the key's file as well: a crash came between the two
        String both = Files.readString(paths.key());
        Secrets.write(paths.certificate(), both.substring(both.indexOf("-----BEGIN CERTIFICATE")));
      }
      return paths;
    }
    Files.createDirectories(folder);
    Path draft = Files.createTempDirectory(folder, ".key"); // mode 0700
    try {
      paths.make(draft.resolve("key.p12"));
    } finally {
      Files.deleteIfExists(draft.resolve("key.p12"));
      Files.deleteIfExists(draft);
    }
    return paths;
  }

  private TokenKey absolute() {
    return new TokenKey(key.toAbsolutePath(), certificate.toAbsolutePath());
  }

  private void make(Path store) throws IOException, InterruptedException {
    String password = Secrets.random();
    ProcessBuilder keytool =
        new ProcessBuilder(
                List.of(
                    KEYTOOL.toString(),
                    "-J-XX:TieredStopAtLevel=1",
                    "-J-XX:+UseSerialGC",
                    "-genkeypair",
                    "-alias",
                    "grange",
                    "-keyalg",
                    "EC",
                    "-groupname",
                    "secp256r1",
                    "-dname",
                    "CN=grange",
                    "-validity",
                    "36500",
                    "-storetype",
                    "PKCS12",
                    "-keystore",
                    store.toString(),
                    "-storepass:env",
                    "GRANGE_STORE_PASSWORD"))
            .redirectErrorStream(true);
    keytool.environment().put("GRANGE_STORE_PASSWORD", password);
    Process process = keytool.start();
    process.getOutputStream().close();
    String said = new String(process.getInputStream().readNBytes(4096), StandardCharsets.UTF_8);
    if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS) || process.exitValue() != 0) {
      process.destroyForcibly();
      throw new IOException("no key for the registries' tokens: " + KEYTOOL + " says: " + said);
    }
    try (InputStream in = Files.newInputStream(store)) {
      KeyStore keys = KeyStore.getInstance("PKCS12");
      keys.load(in, password.toCharArray());
      String pem = pem("CERTIFICATE", keys.getCertificate("grange").getEncoded());
      String secret =
          pem("PRIVATE KEY", keys.getKey("grange", password.toCharArray()).getEncoded());
      Secrets.write(key, secret + pem);
      Secrets.write(certificate, pem);
    } catch (GeneralSecurityException e) {
      throw new IOException("the key that keytool has made cannot be read", e);
    }
  }

  private static String pem(String what, byte[] der) {
    return "-----BEGIN %1$s-----\n%2$s\n-----END %1$s-----\n"
        .formatted(what, PEM.encodeToString(der));
  }
}
