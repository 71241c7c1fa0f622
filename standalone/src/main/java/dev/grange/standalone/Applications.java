package dev.grange.standalone;

import dev.grange.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * How the two applications are called on one machine: the same jars as in production, with little
 * memory and a fast start.
 */
final class Applications {
  static final String BUILD_SERVICE = "build-service";
  static final String SCHEDULER = "scheduler";

  private final Settings settings;
  private final Home home;
  private final Ports ports;
  private final RegistryAccess access;
  private final boolean recording;

  Applications(
      Settings settings, Home home, Ports ports, RegistryAccess access, boolean recording) {
    this.settings = settings;
    this.home = home;
    this.ports = ports;
    this.access = access;
    this.recording = recording;
  }

  ApplicationPart buildService(EmbeddedPostgres postgres, Provisioning provisioning)
      throws IOException {
    Map<String, String> environment =
        database(postgres, "grange_build_service", provisioning.buildServicePassword());
    environment.putAll(access.buildServiceEnvironment());
    return part(BUILD_SERVICE, environment, ports.of(Ports.Name.API));
  }

  ApplicationPart scheduler(EmbeddedPostgres postgres, Provisioning provisioning)
      throws IOException {
    Map<String, String> environment =
        database(postgres, "grange_scheduler", provisioning.schedulerPassword());
    environment.putAll(access.schedulerEnvironment());
    environment.put("KAFKA_BOOTSTRAP_SERVERS", ports.local(Ports.Name.KAFKA));
    environment.put("GRANGE_LOCAL_DIRECTORY", home.local().toString());
    environment.put(
        "GRANGE_LOCAL_WORKER_BIN",
        System.getenv()
            .getOrDefault(
                "GRANGE_LOCAL_WORKER_BIN", settings.apps().resolve("worker-image/bin").toString()));
    // Nothing of a farm that is down goes on: what does not end in time is moved to the next start.
    environment.put("GRANGE_DRAIN_PATIENCE", settings.drain().toSeconds() + "s");
    environment.put("GRANGE_LOCAL_STOP_WORKERS_AT_SHUTDOWN", "true");
    return part(SCHEDULER, environment, ports.of(Ports.Name.SCHEDULER));
  }

  private static Map<String, String> database(
      EmbeddedPostgres postgres, String user, String password) {
    Map<String, String> environment = new HashMap<>();
    environment.put("QUARKUS_DATASOURCE_JDBC_URL", postgres.jdbcUrl(Provisioning.DATABASE));
    environment.put("QUARKUS_DATASOURCE_USERNAME", user);
    environment.put("QUARKUS_DATASOURCE_PASSWORD", password);
    return environment;
  }

  private ApplicationPart part(String name, Map<String, String> environment, int port)
      throws IOException {
    environment.put("QUARKUS_HTTP_HOST", "127.0.0.1");
    environment.put("QUARKUS_HTTP_PORT", Integer.toString(port));
    return new ApplicationPart(name, command(name), environment, port, home.log(name));
  }

  static AotCache cache(Settings settings, String name) {
    return new AotCache(
        settings.apps().resolve(name).resolve("target").resolve(name + ".aot"),
        settings.runner(name));
  }

  private List<String> command(String name) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-Xmx" + settings.heap());
    command.add("-XX:+UseSerialGC");
    // Most of such a farm's life is start-up and waiting: the second compiler would cost more than
    // it gives.
    command.add("-XX:TieredStopAtLevel=1");
    command.add("-XX:ReservedCodeCacheSize=64m");
    // Gives memory back after a burst.
    command.add("-XX:MinHeapFreeRatio=20");
    command.add("-XX:MaxHeapFreeRatio=40");
    // A process that has run out of memory is not to be trusted; it is started again.
    command.add("-XX:+ExitOnOutOfMemoryError");
    // A cache that does not fit is no news: the JVM goes without, and the supervisor makes another.
    command.add("-Xlog:disable");
    command.add("-Xlog:all=error:stderr");
    // Uploads may be large, and /tmp may be memory; nothing of a farm lies outside of its home.
    command.add("-Djava.io.tmpdir=" + home.temporary());
    command.add("--enable-native-access=ALL-UNNAMED");
    command.add("--sun-misc-unsafe-memory-access=allow");
    AotCache cache = cache(settings, name);
    command.addAll(recording ? cache.record() : cache.use());
    command.add("-jar");
    command.add(settings.runner(name).toString());
    return command;
  }
}
