package dev.grange.standalone;

import dev.grange.embedded.RegistryProcess;
import dev.grange.embedded.Secrets;
import dev.grange.embedded.TokenKey;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;

/**
 * Who is let into the farm's own registries (docs/adr/0020): the key that signs, known to the
 * scheduler; what the secrets of attempts are derived from; and an account of build-service, whose
 * secret is new at every start.
 *
 * @param key the key in {@code tokens/}; delete the folder while the farm is down to have another
 */
record RegistryAccess(Home home, Settings settings, Ports ports, TokenKey key) {
  private static final String BUILD_SERVICE = "build-service";

  static RegistryAccess make(Home home, Settings settings, Ports ports)
      throws IOException, InterruptedException {
    Path folder = home.tokens();
    RegistryAccess access = new RegistryAccess(home, settings, ports, TokenKey.in(folder));
    String _ = Secrets.inFile(access.attemptSecret());
    String secret = Secrets.random();
    Secrets.write(
        access.accounts(),
        "%s %s pull,push contexts/ candidate%n"
            .formatted(BUILD_SERVICE, Provisioning.sha256(secret)));
    String basic =
        Base64.getEncoder()
            .encodeToString((BUILD_SERVICE + ":" + secret).getBytes(StandardCharsets.US_ASCII));
    Secrets.write(
        access.buildServiceAuth(),
        "{\"auths\":{\"%s\":{\"auth\":\"%s\"}}}%n"
            .formatted(access.address(Ports.Name.CANDIDATE), basic));
    return access;
  }

  private Path attemptSecret() {
    return home.tokens().resolve("attempt-secret");
  }

  private Path accounts() {
    return home.tokens().resolve("accounts");
  }

  private Path buildServiceAuth() {
    return home.tokens().resolve("build-service.json");
  }

  private String address(Ports.Name name) {
    return settings.registryAddress() + ":" + ports.of(name);
  }

  private String realm() {
    return settings.tokenRealm().orElseGet(() -> "http://" + address(Ports.Name.TOKENS) + "/token");
  }

  RegistryProcess.Tokens of(String registry) {
    return new RegistryProcess.Tokens(realm(), registry, key.certificate());
  }

  Map<String, String> schedulerEnvironment() {
    List<String> accounts = new ArrayList<>(List.of(accounts().toString()));
    settings.accounts().map(Path::toString).ifPresent(accounts::add);
    return Map.of(
        "GRANGE_TOKENS_KEY_FILE",
        key.key().toString(),
        "GRANGE_TOKENS_ATTEMPT_SECRET_FILE",
        attemptSecret().toString(),
        "GRANGE_TOKENS_ADDRESS",
        settings.registryAddress(),
        "GRANGE_TOKENS_PORT",
        Integer.toString(ports.of(Ports.Name.TOKENS)),
        "GRANGE_TOKENS_REALM",
        realm(),
        "GRANGE_TOKENS_REGISTRIES",
        "candidate=http://%s,stable=http://%s"
            .formatted(address(Ports.Name.CANDIDATE), address(Ports.Name.STABLE)),
        "GRANGE_TOKENS_ACCOUNTS",
        String.join(",", accounts),
        "GRANGE_TOKENS_ANONYMOUS_PULL",
        "true");
  }

  Map<String, String> buildServiceEnvironment() {
    return Map.of("GRANGE_CONTEXT_REGISTRY_AUTH_FILE", buildServiceAuth().toString());
  }
}
