package dev.grange.embedded.testing;

import dev.grange.db.Migrate;
import dev.grange.embedded.Secrets;
import dev.grange.embedded.testing.TestDatabase.Login;
import java.io.IOException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The services that an integration test needs: a migrated PostgreSQL always, Kafka and two
 * registries on demand, each on a port of its own.
 *
 * <p>{@link #shared} starts them once for a JVM and stops them at its end; {@link #start} is for
 * tests that own and stop them. They come from child processes, or, with
 * GRANGE_TEST_SERVICES=containers, from Testcontainers, which must then be on the test class path;
 * the images are set by GRANGE_TEST_POSTGRES_IMAGE, GRANGE_TEST_KAFKA_IMAGE and
 * GRANGE_TEST_REGISTRY_IMAGE.
 */
public final class TestServices implements AutoCloseable {
  /** What is started beside PostgreSQL. */
  public enum With {
    KAFKA,
    REGISTRIES
  }

  private static final String TEMPLATE = "grange_template";

  @SuppressWarnings("NonFinalStaticField") // started by the first test that asks
  private static @Nullable TestServices shared;

  private final Backend backend;
  private final Backend.PostgresServer postgres;
  private final Login owner;
  private final Login buildService = new Login("grange_build_service", Secrets.random());
  private final Login scheduler = new Login("grange_scheduler", Secrets.random());
  private final TestDatabase first;
  private final AtomicInteger databases = new AtomicInteger();
  private @Nullable String kafka;
  private @Nullable String candidate;
  private @Nullable String stable;

  private TestServices(Backend backend) throws IOException, InterruptedException, SQLException {
    this.backend = backend;
    this.postgres = backend.startPostgres();
    this.owner = new Login(postgres.user(), postgres.password());
    execute("CREATE DATABASE " + TEMPLATE);
    Migrate.migrate(postgres.jdbcUrl(TEMPLATE), owner.user(), owner.password());
    execute(
        "ALTER ROLE grange_build_service PASSWORD '%s'".formatted(buildService.password()),
        "ALTER ROLE grange_scheduler PASSWORD '%s'".formatted(scheduler.password()));
    this.first = newDatabase();
  }

  /** The services of this JVM: what is missing is started, what runs is shared. */
  public static synchronized TestServices shared(With... wanted) {
    TestServices services = shared;
    if (services == null) {
      services = start(wanted);
      Runtime.getRuntime().addShutdownHook(Thread.ofPlatform().unstarted(services::closeQuietly));
      shared = services;
    } else {
      services.add(wanted);
    }
    return services;
  }

  /** Services for one test, which closes them. */
  public static TestServices start(With... wanted) {
    try {
      Backend backend = backend();
      try {
        TestServices services = new TestServices(backend);
        services.add(wanted);
        return services;
      } catch (IOException | InterruptedException | SQLException | RuntimeException e) {
        backend.close();
        throw e;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while starting the test services", e);
    } catch (IOException | SQLException e) {
      throw new IllegalStateException("the test services do not start: " + e.getMessage(), e);
    }
  }

  private static Backend backend() throws IOException {
    String kind = System.getenv().getOrDefault("GRANGE_TEST_SERVICES", "embedded");
    return switch (kind) {
      case "embedded" -> new EmbeddedBackend();
      case "containers" -> new ContainerBackend();
      default ->
          throw new IOException("GRANGE_TEST_SERVICES is embedded or containers, not " + kind);
    };
  }

  private synchronized void add(With... wanted) {
    Set<With> missing = EnumSet.noneOf(With.class);
    missing.addAll(Set.of(wanted));
    try {
      if (missing.contains(With.KAFKA) && kafka == null) {
        kafka = backend.startKafka();
      }
      if (missing.contains(With.REGISTRIES) && candidate == null) {
        candidate = backend.startRegistry("candidate");
        stable = backend.startRegistry("stable");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while starting the test services", e);
    } catch (IOException e) {
      throw new IllegalStateException("the test services do not start: " + e.getMessage(), e);
    }
  }

  /** The migrated database that is made at the start. */
  public TestDatabase database() {
    return first;
  }

  /**
   * Another migrated database, empty but for what the migrations put in: a copy, in about 50 ms.
   */
  public TestDatabase newDatabase() {
    String name = "grange_" + databases.incrementAndGet();
    try {
      execute("CREATE DATABASE " + name + " TEMPLATE " + TEMPLATE);
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
    return new TestDatabase(postgres.jdbcUrl(name), owner, buildService, scheduler);
  }

  /** For {@code bootstrap.servers}. */
  public String kafka() {
    return started(kafka, With.KAFKA);
  }

  /** {@code host:port} of the registry for candidates; it speaks plain HTTP. */
  public String candidate() {
    return started(candidate, With.REGISTRIES);
  }

  /** {@code host:port} of the registry for promoted images; it speaks plain HTTP. */
  public String stable() {
    return started(stable, With.REGISTRIES);
  }

  private static String started(@Nullable String address, With with) {
    if (address == null) {
      throw new IllegalStateException("ask for With." + with + " when starting the services");
    }
    return address;
  }

  /**
   * Configuration for a Quarkus application that logs in as {@code login}; with Kafka if it was
   * asked for.
   */
  public Map<String, String> quarkusConfig(TestDatabase database, Login login) {
    Map<String, String> config = new TreeMap<>();
    config.put("quarkus.datasource.jdbc.url", database.jdbcUrl());
    config.put("quarkus.datasource.username", login.user());
    config.put("quarkus.datasource.password", login.password());
    if (kafka != null) {
      config.put("kafka.bootstrap.servers", kafka());
    }
    return config;
  }

  /**
   * Tells the database of the registries and of a local cluster with that many slots, as the
   * supervisor does at a first start.
   */
  public void register(TestDatabase database, int slots) {
    String architecture =
        System.getProperty("os.arch", "").toLowerCase(Locale.ROOT).contains("aarch64")
            ? "arm64"
            : "amd64";
    try (Connection connection = database.connect(owner);
        Statement statement = connection.createStatement()) {
      statement.execute(
          """
          INSERT INTO registry (name, url, role)
          VALUES ('candidate', 'http://%s', 'candidate'), ('stable', 'http://%s', 'stable')
          """
              .formatted(candidate(), stable()));
      statement.execute(
          """
          INSERT INTO cluster (name, kind, slots, platforms)
          VALUES ('local', 'local', %d, ARRAY['linux/%s'])
          """
              .formatted(slots, architecture));
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  private void execute(String... statements) throws SQLException {
    try (Connection connection =
            DriverManager.getConnection(
                postgres.jdbcUrl("postgres"), owner.user(), owner.password());
        Statement statement = connection.createStatement()) {
      for (String sql : statements) {
        statement.execute(sql);
      }
    }
  }

  private void closeQuietly() {
    try {
      close();
    } catch (IOException e) {
      System.err.println("test services: " + e.getMessage());
    }
  }

  @Override
  public void close() throws IOException {
    backend.close();
  }
}
