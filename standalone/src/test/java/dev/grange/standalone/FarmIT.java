package dev.grange.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.grange.embedded.DirectoryLock;
import dev.grange.embedded.EmbeddedPostgres;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.sql.Connection;
import java.sql.DriverManager;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The supervisor as a process, with everything real but the two applications. */
class FarmIT {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  @TempDir Path folder;
  Path apps;
  Home home;
  final List<Process> started = new ArrayList<>();

  @BeforeEach
  void prepare() throws Exception {
    apps = folder.resolve("apps");
    for (String name : List.of("build-service", "scheduler")) {
      writeRunner(apps.resolve(name).resolve("target/quarkus-app/quarkus-run.jar"));
    }
    home = new Home(folder.resolve("home"));
    home.create();
    // Not the well-known ports: a farm may be running on this machine.
    Ports.keptIn(home.ports(), port -> port >= 20_000);
  }

  @AfterEach
  void killWhatIsLeft() throws Exception {
    for (Process process : started) {
      process.destroyForcibly().waitFor();
    }
    Awaitility.await().atMost(PATIENCE).until(this::postgresIsGone);
  }

  @Test
  void aFarmComesUpIsFoundAndGoesDownInOrder() throws Exception {
    Process farm = up();
    JsonNode file = new ObjectMapper().readTree(home.farm().toFile());
    assertThat(file.get("pid").asLong()).isEqualTo(farm.pid());
    assertThat(file.get("api").asText()).startsWith("http://127.0.0.1:");
    assertThat(mode(home.farm())).isEqualTo("rw-------");
    assertThat(mode(home.token())).isEqualTo("rw-------");
    assertThat(Files.readString(home.token()).strip()).matches("grange_[A-Za-z0-9_-]{43}");
    assertThat(Files.readString(home.log("scheduler")))
        .contains("grange_scheduler sees 2 registries");
    assertThat(run("status").output()).contains("running, pid " + farm.pid());

    try (Connection connection = owner();
        var statement =
            connection.prepareStatement(
                "SELECT principal FROM token WHERE hash = ? AND revoked_at IS NULL")) {
      statement.setBytes(
          1,
          MessageDigest.getInstance("SHA-256")
              .digest(Files.readString(home.token()).strip().getBytes(StandardCharsets.US_ASCII)));
      var rows = statement.executeQuery();
      assertThat(rows.next()).isTrue();
      assertThat(rows.getString(1)).isEqualTo("local");
    }

    assertThat(run("down").status()).isZero();
    assertThat(farm.waitFor()).isZero();
    assertThat(home.farm()).doesNotExist();
    assertThat(output())
        .containsSubsequence(
            "scheduler      stopped",
            "build-service  stopped",
            "kafka          stopped",
            "postgres       stopped",
            "grange         stopped");
    assertThat(run("status")).isEqualTo(new Result(3, run("status").output()));
  }

  @Test
  void aSecondFarmOnTheSameHomeIsRefusedPolitely() throws Exception {
    Process farm = up();
    Result second = run("up");
    assertThat(second.status()).isEqualTo(1);
    assertThat(second.output()).contains("is running already", "pid " + farm.pid());
    assertThat(farm.isAlive()).isTrue();
  }

  @Test
  void aPartThatDiesIsStartedAgainAndThatIsSaid() throws Exception {
    up();
    Ports ports = Ports.keptIn(home.ports());
    for (String part : List.of("scheduler", "candidate", "postgres")) {
      ProcessHandle.of(pidOf(part)).orElseThrow().destroyForcibly();
      Awaitility.await()
          .atMost(PATIENCE)
          .untilAsserted(() -> assertThat(output()).contains("%-14s restarted in".formatted(part)));
    }
    assertThat(output()).contains("scheduler      died: exit status 137");
    assertThat(ports.of(Ports.Name.API)).isPositive();
    try (Connection connection = owner()) {
      assertThat(connection.isValid(5)).isTrue();
    }
  }

  @Test
  void afterAKillNothingIsLeftRunningAndTheNextStartRecovers() throws Exception {
    Process farm = up();
    String token = Files.readString(home.token());
    List<ProcessHandle> children = farm.toHandle().children().toList();
    assertThat(children).hasSizeGreaterThanOrEqualTo(5);
    farm.destroyForcibly().waitFor();
    Process next = up();
    assertThat(children).noneMatch(ProcessHandle::isAlive);
    assertThat(next.isAlive()).isTrue();
    assertThat(Files.readString(home.token())).isEqualTo(token);
  }

  @Test
  void aDeletedTokenIsReplacedAndTheOldOneIsWorthless() throws Exception {
    Process farm = up();
    run("down");
    farm.waitFor();
    Files.delete(home.token());
    up();
    try (Connection connection = owner();
        var statement = connection.createStatement();
        var rows = statement.executeQuery("SELECT count(*) FROM token")) {
      rows.next();
      assertThat(rows.getInt(1)).isEqualTo(1);
    }
  }

  private record Result(int status, String output) {}

  private Process up() throws Exception {
    Files.deleteIfExists(home.farm());
    Process farm = start(List.of("up"), folder.resolve("out"));
    Awaitility.await()
        .atMost(PATIENCE)
        .untilAsserted(
            () -> {
              assertThat(farm.isAlive()).as(output()).isTrue();
              assertThat(home.farm()).exists();
            });
    return farm;
  }

  private Result run(String command) throws Exception {
    Path output = folder.resolve("out-" + command);
    Process process = start(List.of(command), output);
    return new Result(process.waitFor(), Files.readString(output));
  }

  private Process start(List<String> arguments, Path output) throws Exception {
    List<String> command = new ArrayList<>(List.of(java(), "-XX:TieredStopAtLevel=1", "-cp"));
    command.add(System.getProperty("java.class.path"));
    command.add(Main.class.getName());
    command.addAll(arguments);
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
    builder.environment().put("GRANGE_HOME", home.directory().toString());
    builder.environment().put("GRANGE_APPS", apps.toString());
    builder.environment().put("GRANGE_DRAIN", "5");
    Process process = builder.start();
    started.add(process);
    return process;
  }

  private String output() throws Exception {
    return Files.readString(folder.resolve("out"));
  }

  private long pidOf(String part) throws Exception {
    return output()
        .lines()
        .filter(line -> line.startsWith("%-14s ready".formatted(part)))
        .map(line -> line.replaceAll(".*pid ([0-9]+).*", "$1"))
        .mapToLong(Long::parseLong)
        .findFirst()
        .orElseThrow();
  }

  private Connection owner() throws Exception {
    return DriverManager.getConnection(
        "jdbc:postgresql://"
            + Ports.keptIn(home.ports()).local(Ports.Name.POSTGRES)
            + "/"
            + Provisioning.DATABASE,
        EmbeddedPostgres.OWNER,
        Files.readString(home.data("postgres").resolve("owner-password")).strip());
  }

  private boolean postgresIsGone() throws Exception {
    return DirectoryLock.owner(home.directory()).isEmpty()
        && !Files.exists(home.data("postgres").resolve("data/postmaster.pid"));
  }

  private static String mode(Path file) throws Exception {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
  }

  private static String java() {
    return Path.of(System.getProperty("java.home"), "bin", "java").toString();
  }

  private static void writeRunner(Path jar) throws Exception {
    Files.createDirectories(jar.getParent());
    Path driver =
        Path.of(
            Class.forName("org.postgresql.Driver")
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toURI());
    Manifest manifest = new Manifest();
    Attributes attributes = manifest.getMainAttributes();
    attributes.put(Attributes.Name.MANIFEST_VERSION, "1.0");
    attributes.put(Attributes.Name.MAIN_CLASS, FakeApplication.class.getName());
    attributes.put(
        Attributes.Name.CLASS_PATH, FakeApplication.classes().toUri() + " " + driver.toUri());
    try (OutputStream file = Files.newOutputStream(jar)) {
      new JarOutputStream(file, manifest).close();
    }
  }
}
