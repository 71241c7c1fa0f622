package dev.grange.embedded;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * A real PostgreSQL as a child process: its own cluster in a folder, password authentication,
 * loopback only.
 *
 * <p>It ends when this JVM ends, and whatever an earlier JVM left behind, running or not, is
 * settled at the start. Works as an ordinary user and as root; PostgreSQL refuses to run as root,
 * so there it runs in a user namespace of its own, in which files of root belong to "nobody" and
 * can still be read by it.
 */
public final class EmbeddedPostgres implements AutoCloseable {
  /** The superuser who owns every database. */
  public static final String OWNER = "grange_owner";

  private static final Duration START_LIMIT = Duration.ofSeconds(60);
  private static final Duration STOP_LIMIT = Duration.ofSeconds(20);
  private static final int START_TRIES = 4;

  private final Options options;
  private final String password;
  private final Process process;
  private final DirectoryLock lock;

  private EmbeddedPostgres(Options options, String password, Process process, DirectoryLock lock) {
    this.options = options;
    this.password = password;
    this.process = process;
    this.lock = lock;
  }

  /**
   * Where it keeps its data, where it listens, and how careful it is.
   *
   * @param directory everything of this PostgreSQL but its log; made if missing
   * @param port where it listens on 127.0.0.1
   * @param durable whether a commit survives a power cut; false is for tests only
   * @param log its output, appended
   */
  public record Options(Path directory, int port, boolean durable, Path log) {
    public Options {
      directory = directory.toAbsolutePath();
      log = log.toAbsolutePath();
    }

    Path data() {
      return directory.resolve("data");
    }

    Path passwordFile() {
      return directory.resolve("owner-password");
    }
  }

  /**
   * Starts it and waits until it takes connections.
   *
   * @throws DirectoryLock.InUseException if another instance works on the directory
   * @throws IOException if it does not start; the message names the log
   */
  public static EmbeddedPostgres start(Options options) throws IOException, InterruptedException {
    DirectoryLock lock = DirectoryLock.acquire(options.directory());
    try {
      Path binaries = PostgresBinaries.unpacked().resolve("bin");
      String password = Secrets.inFile(options.passwordFile());
      if (Files.exists(options.data())) {
        settleEarlierPostmaster(options.data());
      } else {
        initialise(binaries, options);
      }
      return new EmbeddedPostgres(options, password, launch(binaries, options), lock);
    } catch (IOException | InterruptedException | RuntimeException e) {
      lock.close();
      throw e;
    }
  }

  private static void initialise(Path binaries, Options options)
      throws IOException, InterruptedException {
    // Under another name until it is complete: what a kill leaves half done is thrown away at the
    // next start.
    Path unfinished = options.directory().resolve("data.new");
    PostgresBinaries.deleteTree(unfinished);
    List<String> command =
        new ArrayList<>(
            List.of(
                binaries.resolve("initdb").toString(),
                "--auth=scram-sha-256",
                "--username=" + OWNER,
                "--pwfile=" + options.passwordFile(),
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--pgdata=" + unfinished));
    if (!options.durable()) {
      command.add("--no-sync");
    }
    Process initdb =
        TiedProcess.start(
            new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(LogFile.append(options.log())),
            TiedProcess.DeathSignal.KILL,
            userNamespace());
    if (initdb.waitFor() != 0) {
      throw new IOException("initdb failed; see " + options.log());
    }
    Files.move(unfinished, options.data());
  }

  /**
   * Nobody else may hold this directory, for we have its lock: a postmaster that still runs here
   * lost its JVM, and a process with the number that an old {@code postmaster.pid} names may be any
   * other program.
   */
  private static void settleEarlierPostmaster(Path data) throws IOException, InterruptedException {
    Optional<ProcessHandle> alive = postmasterLine(data, 0).flatMap(EmbeddedPostgres::process);
    if (alive.isEmpty()) {
      return; // PostgreSQL sees by itself that the file is old.
    }
    ProcessHandle other = alive.get();
    if (!runsPostgresOn(other.pid(), data)) {
      // PostgreSQL would believe in the file, because a process of that number exists.
      Files.deleteIfExists(data.resolve("postmaster.pid"));
      return;
    }
    TiedProcess.signal(other.pid(), "INT");
    if (!exited(other, STOP_LIMIT)) {
      TiedProcess.signal(other.pid(), "QUIT");
      if (!exited(other, STOP_LIMIT)) {
        throw new IOException(
            "a PostgreSQL of an earlier run does not stop: process " + other.pid());
      }
    }
  }

  private static boolean exited(ProcessHandle handle, Duration limit) throws InterruptedException {
    long deadline = System.nanoTime() + limit.toNanos();
    while (handle.isAlive()) {
      if (System.nanoTime() > deadline) {
        return false;
      }
      TimeUnit.MILLISECONDS.sleep(20);
    }
    return true;
  }

  private static Optional<ProcessHandle> process(String pid) {
    return pid.matches("[0-9]{1,18}")
        ? ProcessHandle.of(Long.parseLong(pid)).filter(ProcessHandle::isAlive)
        : Optional.empty();
  }

  private static boolean runsPostgresOn(long pid, Path data) throws IOException {
    Path commandLine = Path.of("/proc", Long.toString(pid), "cmdline");
    if (!Files.exists(commandLine)) {
      return false;
    }
    List<String> arguments = List.of(Files.readString(commandLine).split("\0", -1));
    return arguments.getFirst().endsWith("postgres") && arguments.contains(data.toString());
  }

  private static Process launch(Path binaries, Options options)
      throws IOException, InterruptedException {
    for (int attempt = 1; ; attempt++) {
      Process process =
          TiedProcess.start(
              new ProcessBuilder(command(binaries, options))
                  .redirectErrorStream(true)
                  .redirectOutput(LogFile.append(options.log())),
              // A fast shutdown: if this JVM is killed, PostgreSQL still ends in good order.
              TiedProcess.DeathSignal.INT,
              userNamespace());
      if (isReady(process, options.data())) {
        return process;
      }
      process.destroyForcibly().waitFor();
      if (attempt == START_TRIES) {
        throw new IOException(
            "PostgreSQL did not start on port " + options.port() + "; see " + options.log());
      }
      // The sessions of a postmaster that was killed need a moment to notice, and block a new one
      // until then.
      TimeUnit.MILLISECONDS.sleep(500L * attempt);
    }
  }

  private static List<String> command(Path binaries, Options options) {
    List<String> settings = new ArrayList<>();
    settings.add("listen_addresses=127.0.0.1");
    settings.add("unix_socket_directories=");
    settings.add("password_encryption=scram-sha-256");
    settings.add("shared_buffers=32MB");
    settings.add("max_connections=60");
    settings.add("maintenance_work_mem=32MB");
    settings.add("max_wal_size=256MB");
    settings.add("huge_pages=off");
    settings.add("jit=off");
    // Reads without helper processes: three fewer of them, and the farm's data fits in memory.
    settings.add("io_method=sync");
    settings.add("max_logical_replication_workers=0");
    settings.add("timezone=UTC");
    settings.add("log_timezone=UTC");
    settings.add("log_line_prefix=%m [%p] %q%u ");
    if (!options.durable()) {
      settings.add("fsync=off");
      settings.add("synchronous_commit=off");
      settings.add("full_page_writes=off");
    }
    List<String> command = new ArrayList<>();
    command.add(binaries.resolve("postgres").toString());
    command.addAll(List.of("-D", options.data().toString()));
    command.addAll(List.of("-p", Integer.toString(options.port())));
    settings.forEach(setting -> command.addAll(List.of("-c", setting)));
    return command;
  }

  /** As root, a namespace without a mapping: PostgreSQL and initdb then do not see a user 0. */
  private static List<String> userNamespace() throws IOException {
    boolean root = Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0);
    return root ? List.of("unshare", "--user") : List.of();
  }

  /**
   * Waits for the word that PostgreSQL writes into line 8 of {@code postmaster.pid}, the same that
   * pg_ctl waits for.
   */
  private static boolean isReady(Process process, Path data)
      throws IOException, InterruptedException {
    long deadline = System.nanoTime() + START_LIMIT.toNanos();
    String pid = Long.toString(process.pid());
    while (System.nanoTime() < deadline) {
      if (!process.isAlive()) {
        return false;
      }
      if (postmasterLine(data, 0).filter(pid::equals).isPresent()
          && postmasterLine(data, 7).filter("ready"::equals).isPresent()) {
        return true;
      }
      TimeUnit.MILLISECONDS.sleep(10);
    }
    return false;
  }

  private static Optional<String> postmasterLine(Path data, int index) throws IOException {
    Path file = data.resolve("postmaster.pid");
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try {
      List<String> lines = Files.readAllLines(file);
      return index < lines.size() ? Optional.of(lines.get(index).strip()) : Optional.empty();
    } catch (NoSuchFileException e) {
      return Optional.empty(); // removed just now: a shutdown
    }
  }

  public int port() {
    return options.port();
  }

  public String ownerPassword() {
    return password;
  }

  /** The JDBC URL of one database. */
  public String jdbcUrl(String database) {
    return "jdbc:postgresql://127.0.0.1:" + options.port() + "/" + database;
  }

  /** A new connection as the owner. */
  public Connection connect(String database) throws SQLException {
    Properties properties = new Properties();
    properties.setProperty("user", OWNER);
    properties.setProperty("password", password);
    properties.setProperty("connectTimeout", "10");
    properties.setProperty("ApplicationName", "grange-supervisor");
    return DriverManager.getConnection(jdbcUrl(database), properties);
  }

  /** Makes an empty database. */
  public void createDatabase(String name) throws SQLException {
    createDatabase(name, "template1");
  }

  /** Makes a database as a copy of another one, to which nobody may be connected. */
  public void createDatabase(String name, String template) throws SQLException {
    try (Connection connection = connect("postgres");
        Statement statement = connection.createStatement()) {
      statement.execute(
          "CREATE DATABASE "
              + statement.enquoteIdentifier(name, true)
              + " TEMPLATE "
              + statement.enquoteIdentifier(template, true));
    }
  }

  public boolean databaseExists(String name) throws SQLException {
    try (Connection connection = connect("postgres");
        var query = connection.prepareStatement("SELECT FROM pg_database WHERE datname = ?")) {
      query.setString(1, name);
      try (var rows = query.executeQuery()) {
        return rows.next();
      }
    }
  }

  /** Completes when PostgreSQL has ended, for whatever reason. */
  public CompletableFuture<Process> onExit() {
    return process.onExit();
  }

  public long pid() {
    return process.pid();
  }

  /** Kills it without any warning, as a power cut would; for tests of what comes after. */
  public void kill() throws IOException, InterruptedException {
    process.destroyForcibly().waitFor();
    lock.close();
  }

  /**
   * What a killed JVM leaves when the death signal is lost: the process runs and nobody holds the
   * lock.
   */
  void releaseLockOnly() throws IOException {
    lock.close();
  }

  /** Ends every session, writes what is in memory, and stops; repeatable. */
  @Override
  public void close() throws IOException {
    try {
      if (process.isAlive()) {
        // Data that need not be durable need no last checkpoint either.
        TiedProcess.signal(process.pid(), options.durable() ? "INT" : "QUIT");
        if (!process.waitFor(STOP_LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
          process.destroyForcibly();
        }
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    } finally {
      lock.close();
    }
  }
}
