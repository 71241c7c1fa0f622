package dev.grange.scheduler.token;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The farm as the token service of its own registries (docs/adr/0020). Without a key file it is
 * none, and its registries have to let workers push by other means.
 */
@ConfigMapping(prefix = "grange.tokens")
public interface TokensConfig {
  /** PEM: an EC private key on P-256 (PKCS #8) and its certificate, the same for all schedulers. */
  Optional<Path> keyFile();

  /**
   * What the credentials of attempts are derived from, the same for all schedulers: lines of at
   * least 32 characters, of which the first makes and all are accepted.
   */
  Optional<Path> attemptSecretFile();

  /** Where the service listens. Workers and clients of the registries must reach it. */
  @WithDefault("127.0.0.1")
  String address();

  @WithDefault("7082")
  int port();

  /** The service as the registries name it to their clients: {@code http://host:port/token}. */
  @WithDefault("http://127.0.0.1:7082/token")
  String realm();

  /**
   * The registries that ask for its tokens: {@code service=url} each, the one for candidates called
   * {@code candidate}.
   */
  Optional<List<String>> registries();

  /**
   * Files of accounts, read again when they change: on each line name, SHA-256 of the secret in
   * hexadecimal, actions separated by commas, repository (or what it begins with, ending in a
   * slash), and the registry's service.
   */
  Optional<List<Path>> accounts();

  /** Whether everybody may pull what is no attempt's, no context and no layer cache. */
  @WithDefault("false")
  boolean anonymousPull();
}
