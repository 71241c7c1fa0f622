package dev.grange.scheduler.token;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import dev.grange.domain.access.Scope;
import dev.grange.registry.Digests;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.security.interfaces.ECPublicKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Signs tokens as the distribution project's registry takes them: JWT, ES256. Which key it was, the
 * registry tells by libtrust's id of it, so that the token need not carry the certificate.
 */
final class Signer {
  /** RegistryProcess.Tokens and every registry's configuration say the same. */
  static final String ISSUER = "grange";

  private static final JsonFactory JSON = new JsonFactory();
  private static final Base64.Encoder BASE64 = Base64.getUrlEncoder().withoutPadding();
  private static final String BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

  /** 240 bits, as libtrust's key ids are long. */
  private static final int KEY_ID_BYTES = 30;

  private static final int P256_BITS = 256;

  private final PrivateKey key;
  private final String header;
  private final AtomicLong serial = new AtomicLong();

  private Signer(PrivateKey key, PublicKey publicKey) {
    this.key = key;
    String json =
        "{\"typ\":\"JWT\",\"alg\":\"ES256\",\"kid\":\"" + keyId(publicKey.getEncoded()) + "\"}";
    this.header = BASE64.encodeToString(json.getBytes(StandardCharsets.US_ASCII));
  }

  /** Reads private key and certificate. */
  static Signer of(Path file) {
    try {
      String pem = Files.readString(file);
      PublicKey publicKey =
          CertificateFactory.getInstance("X.509")
              .generateCertificate(new ByteArrayInputStream(der(pem, "CERTIFICATE")))
              .getPublicKey();
      PrivateKey key =
          KeyFactory.getInstance("EC")
              .generatePrivate(new PKCS8EncodedKeySpec(der(pem, "PRIVATE KEY")));
      if (!(publicKey instanceof ECPublicKey ec)
          || ec.getParams().getCurve().getField().getFieldSize() != P256_BITS) {
        throw new GeneralSecurityException("its certificate is not for an EC key on P-256");
      }
      return new Signer(key, publicKey);
    } catch (IOException | GeneralSecurityException e) {
      throw new IllegalStateException(
          "grange.tokens.key-file %s cannot be used: %s. It has to hold an EC private key on P-256 (PKCS #8) and its certificate, both PEM"
              .formatted(file, e.getMessage()),
          e);
    }
  }

  private static byte[] der(String pem, String what) throws GeneralSecurityException {
    Matcher block =
        Pattern.compile("-----BEGIN " + what + "-----([^-]*)-----END " + what + "-----")
            .matcher(pem);
    if (!block.find()) {
      throw new GeneralSecurityException("it has no " + what);
    }
    return Base64.getMimeDecoder().decode(block.group(1));
  }

  /** libtrust, util.go: the hash of the public key in groups of four letters. */
  private static String keyId(byte[] publicKey) {
    byte[] hash = Digests.sha256().digest(publicKey);
    StringBuilder id = new StringBuilder();
    int bits = 0;
    int held = 0;
    for (int i = 0; i < KEY_ID_BYTES; i++) {
      bits = (bits << 8) | (hash[i] & 0xff);
      held += 8;
      while (held >= 5) {
        held -= 5;
        if (id.length() % 5 == 4) {
          id.append(':');
        }
        id.append(BASE32.charAt((bits >> held) & 31));
      }
      bits &= (1 << held) - 1;
    }
    return id.toString();
  }

  /**
   * A token for one registry.
   *
   * @param service the registry's name
   */
  String sign(String subject, String service, List<Scope> scopes, Instant now, Duration life) {
    String text = header + "." + BASE64.encodeToString(claims(subject, service, scopes, now, life));
    try {
      Signature signature = Signature.getInstance("SHA256withECDSAinP1363Format");
      signature.initSign(key);
      signature.update(text.getBytes(StandardCharsets.US_ASCII));
      return text + "." + BASE64.encodeToString(signature.sign());
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("a key that was read cannot sign", e);
    }
  }

  private byte[] claims(
      String subject, String service, List<Scope> scopes, Instant now, Duration life) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (JsonGenerator json = JSON.createGenerator(out)) {
      json.writeStartObject();
      json.writeStringField("iss", ISSUER);
      json.writeStringField("sub", subject);
      json.writeStringField("aud", service);
      json.writeNumberField("iat", now.getEpochSecond());
      json.writeNumberField("nbf", now.getEpochSecond());
      json.writeNumberField("exp", now.plus(life).getEpochSecond());
      json.writeStringField("jti", Long.toHexString(serial.incrementAndGet()));
      json.writeArrayFieldStart("access");
      for (Scope scope : scopes) {
        json.writeStartObject();
        json.writeStringField("type", "repository");
        json.writeStringField("name", scope.repository());
        json.writeArrayFieldStart("actions");
        for (Scope.Action action : Scope.Action.values()) {
          if (scope.actions().contains(action)) {
            json.writeString(action.word());
          }
        }
        json.writeEndArray();
        json.writeEndObject();
      }
      json.writeEndArray();
      json.writeEndObject();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }
}
