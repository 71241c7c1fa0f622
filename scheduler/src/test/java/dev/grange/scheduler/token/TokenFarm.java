package dev.grange.scheduler.token;

import dev.grange.embedded.FreePorts;
import dev.grange.embedded.RegistryProcess;
import dev.grange.embedded.Secrets;
import dev.grange.embedded.TokenKey;
import dev.grange.embedded.testing.TestDatabase;
import dev.grange.embedded.testing.TestServices;
import dev.grange.embedded.testing.TestServices.With;
import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;

/** Two real registries that believe the scheduler under test, and everything that it needs. */
public class TokenFarm implements QuarkusTestResourceLifecycleManager {
  private final Surroundings surroundings = new Surroundings();

  /** What a test sees of it. */
  public static final class Surroundings {
    TestServices services;
    RegistryProcess candidate;
    RegistryProcess stable;
    Path folder;
    Path accounts;
    String token;

    TestDatabase database() {
      return services.database();
    }

    /** The line of an account. */
    static String account(String name, String secret, String rest) throws Exception {
      byte[] hash =
          MessageDigest.getInstance("SHA-256").digest(secret.getBytes(StandardCharsets.UTF_8));
      return "%s %s %s%n".formatted(name, HexFormat.of().formatHex(hash), rest);
    }
  }

  @Override
  public Map<String, String> start() {
    try {
      return begin();
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private Map<String, String> begin() throws Exception {
    surroundings.services = TestServices.start(With.KAFKA);
    surroundings.folder =
        Files.createTempDirectory(Path.of("target").toAbsolutePath(), "token-farm-");
    TokenKey key = TokenKey.in(surroundings.folder.resolve("tokens"));
    int port = FreePorts.any();
    String realm = "http://127.0.0.1:" + port + "/token";
    surroundings.token = realm;
    surroundings.candidate = registry("candidate", realm, key);
    surroundings.stable = registry("stable", realm, key);
    Path secret = surroundings.folder.resolve("attempt-secret");
    String _ = Secrets.inFile(secret);
    surroundings.accounts = surroundings.folder.resolve("accounts");
    Secrets.write(
        surroundings.accounts,
        "# for the tests\n\n"
            + Surroundings.account("pusher", "push", "pull,push base/ candidate")
            + Surroundings.account("pusher", "push", "pull,push contexts/ candidate")
            + Surroundings.account("pusher", "push", "pull,push cache/ candidate")
            + Surroundings.account("pusher", "push", "pull,push builds/ candidate")
            + Surroundings.account("pusher", "push", "pull,push default/ stable"));
    try (var connection = surroundings.database().connect(surroundings.database().owner());
        var statement = connection.createStatement()) {
      statement.execute(
          """
          INSERT INTO registry (name, url, role) VALUES ('candidate', '%s', 'candidate'), ('stable', '%s', 'stable')
          """
              .formatted(surroundings.candidate.url(), surroundings.stable.url()));
    }
    Map<String, String> config =
        new HashMap<>(
            surroundings.services.quarkusConfig(
                surroundings.database(), surroundings.database().scheduler()));
    config.put("grange.local.directory", surroundings.folder.resolve("local").toString());
    config.put("grange.drain.patience", "0s");
    config.put("grange.tokens.key-file", key.key().toString());
    config.put("grange.tokens.attempt-secret-file", secret.toString());
    config.put("grange.tokens.port", Integer.toString(port));
    config.put("grange.tokens.realm", realm);
    config.put(
        "grange.tokens.registries",
        "candidate=%s,stable=%s"
            .formatted(surroundings.candidate.url(), surroundings.stable.url()));
    config.put("grange.tokens.accounts", surroundings.accounts.toString());
    config.put("grange.tokens.anonymous-pull", "true");
    return config;
  }

  private RegistryProcess registry(String name, String realm, TokenKey key) throws Exception {
    return RegistryProcess.start(
        new RegistryProcess.Options(
            surroundings.folder.resolve(name),
            "127.0.0.1",
            FreePorts.any(),
            surroundings.folder.resolve(name + ".log"),
            new RegistryProcess.Tokens(realm, name, key.certificate())));
  }

  @Override
  public void stop() {
    try {
      surroundings.candidate.close();
      surroundings.stable.close();
      surroundings.services.close();
      try (var files = Files.walk(surroundings.folder)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.deleteIfExists(file);
        }
      }
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  @Override
  public void inject(TestInjector injector) {
    injector.injectIntoFields(surroundings, new TestInjector.MatchesType(Surroundings.class));
  }
}
