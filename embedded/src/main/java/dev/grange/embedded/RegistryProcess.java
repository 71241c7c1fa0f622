package dev.grange.embedded;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A registry (the distribution project's {@code docker-registry}) as a child process, with a
 * configuration made for it.
 *
 * <p>No cache of blob descriptors: one in memory goes on promising blobs that a garbage collection
 * has removed.
 */
public final class RegistryProcess implements AutoCloseable {
  private static final Duration START_LIMIT = Duration.ofSeconds(20);
  private static final Duration STOP_LIMIT = Duration.ofSeconds(5);

  private final Options options;
  private final Process process;
  private final DirectoryLock lock;

  private RegistryProcess(Options options, Process process, DirectoryLock lock) {
    this.options = options;
    this.process = process;
    this.lock = lock;
  }

  /**
   * Where it keeps its images and where it listens.
   *
   * @param directory configuration and storage; made if missing
   * @param bindAddress where it listens: 127.0.0.1, or an address that pods can reach
   * @param log its output, appended
   * @param tokens whose tokens it asks for; null lets everybody do everything
   */
  public record Options(
      Path directory, String bindAddress, int port, Path log, @Nullable Tokens tokens) {
    public Options {
      directory = directory.toAbsolutePath();
      log = log.toAbsolutePath();
    }

    public Options(Path directory, String bindAddress, int port, Path log) {
      this(directory, bindAddress, port, log, null);
    }
  }

  /**
   * The token service that it believes.
   *
   * @param realm where clients get tokens, such as {@code http://127.0.0.1:7082/token}
   * @param service the registry's own name there
   * @param certificate PEM, of the key that signs
   */
  public record Tokens(String realm, String service, Path certificate) {
    /** Who signs, as the tokens say it. */
    public static final String ISSUER = "grange";
  }

  /**
   * Starts it and waits until it answers.
   *
   * @throws DirectoryLock.InUseException if another instance works on the directory
   * @throws IOException if the program is missing or does not start
   */
  public static RegistryProcess start(Options options) throws IOException, InterruptedException {
    DirectoryLock lock = DirectoryLock.acquire(options.directory());
    try {
      Path configuration = options.directory().resolve("config.yml");
      Files.createDirectories(options.directory().resolve("storage"));
      Secrets.write(configuration, configuration(options));
      Process process =
          TiedProcess.start(
              new ProcessBuilder(program().toString(), "serve", configuration.toString())
                  .redirectErrorStream(true)
                  .redirectOutput(LogFile.append(options.log())),
              TiedProcess.DeathSignal.TERM);
      RegistryProcess registry = new RegistryProcess(options, process, lock);
      registry.awaitAnswer();
      return registry;
    } catch (IOException | InterruptedException | RuntimeException e) {
      lock.close();
      throw e;
    }
  }

  private static String configuration(Options options) throws IOException {
    // The secret signs the state of unfinished uploads: it must survive a restart for them to go
    // on.
    String secret = Secrets.inFile(options.directory().resolve("secret"));
    return """
    version: 0.1
    log:
      level: %s
      accesslog:
        disabled: true
    storage:
      filesystem:
        rootdirectory: %s
      delete:
        enabled: true
    http:
      addr: %s:%d
      secret: %s
    health:
      storagedriver:
        enabled: false
    """
            .formatted(
                // every client begins by asking without a token, and each time that is a warning
                options.tokens() == null ? "warn" : "error",
                options.directory().resolve("storage"),
                options.bindAddress(),
                options.port(),
                secret)
        + authentication(options.tokens());
  }

  private static String authentication(@Nullable Tokens tokens) {
    if (tokens == null) {
      return "";
    }
    return """
    auth:
      token:
        realm: %s
        service: %s
        issuer: %s
        rootcertbundle: %s
    """
        .formatted(
            tokens.realm(), tokens.service(), Tokens.ISSUER, tokens.certificate().toAbsolutePath());
  }

  /**
   * GRANGE_REGISTRY_BIN, or the program of Debian's package or of the upstream release on the PATH.
   */
  private static Path program() throws IOException {
    String setting = System.getenv("GRANGE_REGISTRY_BIN");
    if (setting != null && !setting.isBlank()) {
      return Path.of(setting);
    }
    String path = System.getenv("PATH");
    for (String name : List.of("docker-registry", "registry")) {
      for (String folder : (path == null ? "/usr/bin" : path).split(":", -1)) {
        Path candidate = Path.of(folder, name);
        if (Files.isExecutable(candidate)) {
          return candidate;
        }
      }
    }
    throw new IOException(
        "no docker-registry on the PATH: install the package docker-registry or set"
            + " GRANGE_REGISTRY_BIN");
  }

  private void awaitAnswer() throws IOException, InterruptedException {
    long deadline = System.nanoTime() + START_LIMIT.toNanos();
    // Another server on the same port would answer as well: ours must be alive too.
    // 401 is what it says to whoever has no token.
    int ready = options.tokens() == null ? 200 : 401;
    while (HttpProbe.status(url() + "/v2/") != ready || !process.isAlive()) {
      if (!process.isAlive() || System.nanoTime() > deadline) {
        process.destroyForcibly();
        throw new IOException(
            "the registry did not start on port " + options.port() + "; see " + options.log());
      }
      TimeUnit.MILLISECONDS.sleep(20);
    }
  }

  /** {@code host:port}, the first part of its pull specifications. */
  public String address() {
    String host = options.bindAddress().equals("0.0.0.0") ? "127.0.0.1" : options.bindAddress();
    return host + ":" + options.port();
  }

  /** {@code http://host:port}. */
  public String url() {
    return "http://" + address();
  }

  /** Completes when it has ended, for whatever reason. */
  public CompletableFuture<Process> onExit() {
    return process.onExit();
  }

  public long pid() {
    return process.pid();
  }

  /** Kills it without any warning; for tests of what comes after. */
  public void kill() throws IOException, InterruptedException {
    process.destroyForcibly().waitFor();
    lock.close();
  }

  @Override
  public void close() throws IOException {
    try {
      process.destroy();
      if (!process.waitFor(STOP_LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    } finally {
      lock.close();
    }
  }
}
