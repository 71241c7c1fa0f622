package dev.grange.standalone;

import dev.grange.embedded.HttpProbe;
import dev.grange.embedded.LogFile;
import dev.grange.embedded.TiedProcess;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.OperatingSystemMXBean;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Makes the next start faster: starts a second, empty farm in a folder of its own, at the lowest
 * priority, lets its JVMs record what they load, and throws the farm away. It shares nothing with
 * the real one, so nothing that it does can be seen there.
 */
final class Rehearsal {
  /** How often it looks whether the machine has nothing better to do. */
  private static final Duration LOOK = Duration.ofSeconds(15);

  /**
   * A JVM that records takes several seconds to write when it ends, and here everything else goes
   * first.
   */
  private static final Duration STOP_LIMIT = Duration.ofMinutes(3);

  private final Home home;
  private final Settings settings;
  private final Console console;

  private final Object monitor = new Object();
  private boolean cancelled;
  private @Nullable Process process;

  Rehearsal(Home home, Settings settings, Console console) {
    this.home = home;
    this.settings = settings;
    this.console = console;
  }

  /** Rehearses in the background if that is of use. */
  void startIfUseful() throws IOException {
    Path folder = home.data("rehearsal");
    deleteTree(folder);
    Optional<Path> jar = ownJar();
    if (jar.isEmpty()) {
      return; // started from classes: by a test or an IDE
    }
    List<AotCache> caches = List.of(supervisor(jar.get()), buildService(), scheduler());
    boolean useful = false;
    for (AotCache cache : caches) {
      if (!cache.isWritable()) {
        return;
      }
      useful |= !cache.isCurrent();
    }
    if (useful) {
      Thread.ofPlatform()
          .daemon()
          .name("rehearsal")
          .start(() -> runInBackground(jar.get(), folder));
    }
  }

  private void runInBackground(Path jar, Path folder) {
    AotCache cache = supervisor(jar);
    List<String> command = new ArrayList<>(List.of("nice", "-n", "19"));
    command.add(java());
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(argument -> !argument.startsWith("-XX:AOT"))
        .forEach(command::add);
    command.addAll(cache.record());
    command.addAll(List.of("-jar", jar.toString(), "rehearse"));
    try {
      ProcessBuilder builder =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(LogFile.append(home.log("rehearsal")));
      builder.environment().put("GRANGE_HOME", folder.toString());
      builder.environment().put("GRANGE_APPS", settings.apps().toString());
      Process started;
      synchronized (monitor) {
        do {
          long end = System.nanoTime() + LOOK.toNanos();
          while (!cancelled && System.nanoTime() < end) {
            TimeUnit.NANOSECONDS.timedWait(monitor, end - System.nanoTime());
          }
        } while (!cancelled && isBusy());
        if (cancelled) {
          return;
        }
        started = TiedProcess.start(builder, TiedProcess.DeathSignal.KILL);
        process = started;
      }
      int status = started.waitFor();
      if (status == 0 && cache.adopt()) {
        console.say("grange", "the next start will be faster");
      } else if (!isCancelled()) {
        console.say("grange", "no faster next start; see " + home.log("rehearsal"));
      }
      deleteTree(folder);
    } catch (IOException e) {
      console.say("grange", "no faster next start: " + e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Builds go first: a faster next start is not worth a slower one of them. */
  private static boolean isBusy() {
    OperatingSystemMXBean machine = ManagementFactory.getOperatingSystemMXBean();
    return machine.getSystemLoadAverage() > machine.getAvailableProcessors() / 2.0;
  }

  private boolean isCancelled() {
    synchronized (monitor) {
      return cancelled;
    }
  }

  /** The farm stops: so does this. */
  void cancel() {
    synchronized (monitor) {
      cancelled = true;
      monitor.notifyAll();
      if (process != null) {
        process.destroyForcibly();
      }
    }
  }

  /** The rehearsal itself, in a process of its own whose GRANGE_HOME is thrown away. */
  static int play(Home home, Settings settings, Console console)
      throws IOException, InterruptedException {
    home.create();
    Logging.into(home.log().resolve("supervisor"));
    // Far from the well-known ports, which a real farm may want at any moment.
    Ports.keptIn(home.ports(), port -> port >= 20_000);
    Supervisor supervisor = new Supervisor(home, settings, console, STOP_LIMIT);
    boolean started = true;
    try {
      supervisor.start(System.nanoTime());
      // A little of what clients will ask.
      String api = "http://" + Ports.keptIn(home.ports()).local(Ports.Name.API);
      for (String path : List.of("/api/v1/builds", "/api/v1/clusters", "/q/health", "/q/openapi")) {
        console.say("rehearsal", path + " answers " + HttpProbe.status(api + path));
      }
    } catch (Supervisor.StartException e) {
      console.say("rehearsal", String.valueOf(e.getMessage()));
      started = false;
    }
    supervisor.stop();
    Rehearsal rehearsal = new Rehearsal(home, settings, console);
    return started && rehearsal.buildService().adopt() && rehearsal.scheduler().adopt() ? 0 : 1;
  }

  private AotCache buildService() {
    return Applications.cache(settings, Applications.BUILD_SERVICE);
  }

  private AotCache scheduler() {
    return Applications.cache(settings, Applications.SCHEDULER);
  }

  /** Known to the launcher by its name. */
  private static AotCache supervisor(Path jar) {
    return new AotCache(jar.resolveSibling("supervisor.aot"), jar);
  }

  private static Optional<Path> ownJar() throws IOException {
    try {
      Path code =
          Path.of(Rehearsal.class.getProtectionDomain().getCodeSource().getLocation().toURI());
      return Files.isRegularFile(code) ? Optional.of(code) : Optional.empty();
    } catch (URISyntaxException e) {
      throw new IOException(e);
    }
  }

  private static String java() {
    return Path.of(System.getProperty("java.home"), "bin", "java").toString();
  }

  static void deleteTree(Path folder) throws IOException {
    if (Files.exists(folder)) {
      List<Path> deepestFirst;
      try (Stream<Path> files = Files.walk(folder)) {
        deepestFirst = files.sorted(Comparator.reverseOrder()).toList();
      }
      for (Path file : deepestFirst) {
        Files.deleteIfExists(file);
      }
    }
  }
}
