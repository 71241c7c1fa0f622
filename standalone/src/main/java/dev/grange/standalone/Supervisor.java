package dev.grange.standalone;

import dev.grange.embedded.DirectoryLock;
import dev.grange.embedded.EmbeddedKafka;
import dev.grange.embedded.EmbeddedPostgres;
import dev.grange.embedded.FreePorts;
import dev.grange.embedded.RegistryProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Runs a whole farm: starts its parts in the right order, keeps them running, and stops them in the
 * reverse order.
 */
final class Supervisor {
  private static final Duration PORTS_LIMIT = Duration.ofSeconds(5);
  private static final Duration STOP_LIMIT = Duration.ofSeconds(10);

  private static final List<String> STOP_ORDER =
      List.of(
          Applications.SCHEDULER,
          Applications.BUILD_SERVICE,
          "kafka",
          "candidate",
          "stable",
          "postgres");

  private final Home home;
  private final Settings settings;
  private final Console console;

  /**
   * How long the scheduler may take beyond its drain: workers get SIGTERM, and SIGKILL after their
   * grace.
   */
  private static final Duration WORKERS_STOP = Duration.ofSeconds(25);

  private final Duration stopLimit;
  private final boolean recording;
  private final Rehearsal rehearsal;
  private final Provisioning provisioning = new Provisioning();
  private final CountDownLatch stopped = new CountDownLatch(1);

  private final Object monitor = new Object();

  private final List<Keeper> keepers = new ArrayList<>();

  private boolean stopping;

  Supervisor(Home home, Settings settings, Console console) {
    this(home, settings, console, STOP_LIMIT, false);
  }

  /** For a rehearsal: the applications record what they load, and may take long to end. */
  Supervisor(Home home, Settings settings, Console console, Duration stopLimit) {
    this(home, settings, console, stopLimit, true);
  }

  private Supervisor(
      Home home, Settings settings, Console console, Duration stopLimit, boolean recording) {
    this.home = home;
    this.settings = settings;
    this.console = console;
    this.stopLimit = stopLimit;
    this.recording = recording;
    this.rehearsal = new Rehearsal(home, settings, console);
  }

  /** The farm cannot start; the message says why and what to do. */
  static final class StartException extends Exception {
    private static final long serialVersionUID = 1;

    StartException(String message) {
      super(message);
    }
  }

  /**
   * Starts everything and writes {@code farm.json}. The caller holds the lock of the home.
   *
   * @param began {@link System#nanoTime} when the start began, for the message
   */
  void start(long began) throws IOException, InterruptedException, StartException {
    Files.deleteIfExists(home.farm());
    Ports ports = Ports.keptIn(home.ports());
    awaitFree(ports);
    // Whoever was killed has left something there.
    Rehearsal.deleteTree(home.temporary());
    Files.createDirectories(home.temporary());

    CompletableFuture<Part.Running> kafka = keep(kafka(ports)).start();
    CompletableFuture<Part.Running> postgres = keep(postgres(ports)).start();
    RegistryAccess access = RegistryAccess.make(home, settings, ports);
    CompletableFuture<Part.Running> candidate =
        keep(registry("candidate", ports.of(Ports.Name.CANDIDATE), access)).start();
    CompletableFuture<Part.Running> stable =
        keep(registry("stable", ports.of(Ports.Name.STABLE), access)).start();
    // The applications need the database only; they see Kafka and the registries come.
    CompletableFuture<Void> applications =
        postgres.thenAcceptAsync(
            running -> startApplications((PostgresPart.RunningPostgres) running, ports, access));
    try {
      CompletableFuture.allOf(applications, kafka, candidate, stable).join();
    } catch (CompletionException e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      throw new StartException(cause.getMessage() == null ? cause.toString() : cause.getMessage());
    }
    FarmFile farm =
        new FarmFile(
            "http://" + ports.local(Ports.Name.API),
            ports.local(Ports.Name.KAFKA),
            settings.registryAddress() + ":" + ports.of(Ports.Name.CANDIDATE),
            settings.registryAddress() + ":" + ports.of(Ports.Name.STABLE),
            settings.registryAddress() + ":" + ports.of(Ports.Name.TOKENS),
            ProcessHandle.current().pid(),
            home.token());
    synchronized (monitor) {
      if (stopping) {
        throw new StartException("stopped while it was starting");
      }
      farm.write(home.farm());
    }
    console.say(
        "grange", "ready in %.1f s: %s".formatted((System.nanoTime() - began) / 1e9, farm.api()));
    if (!recording) {
      rehearsal.startIfUseful();
    }
  }

  private void startApplications(
      PostgresPart.RunningPostgres postgres, Ports ports, RegistryAccess access) {
    CompletableFuture<Part.Running> buildService;
    CompletableFuture<Part.Running> scheduler;
    try {
      provisioning.run(
          postgres.server(),
          new Provisioning.Farm(
              "http://" + settings.registryAddress() + ":" + ports.of(Ports.Name.CANDIDATE),
              "http://" + settings.registryAddress() + ":" + ports.of(Ports.Name.STABLE),
              settings.slots(),
              platform(),
              home.token()));
      Applications applications = new Applications(settings, home, ports, access, recording);
      buildService = keep(applications.buildService(postgres.server(), provisioning)).start();
      scheduler = keep(applications.scheduler(postgres.server(), provisioning)).start();
    } catch (SQLException | IOException e) {
      throw new CompletionException(e);
    }
    buildService.join();
    scheduler.join();
  }

  private PostgresPart postgres(Ports ports) {
    return new PostgresPart(
        new EmbeddedPostgres.Options(
            home.data("postgres"), ports.of(Ports.Name.POSTGRES), true, home.log("postgres")));
  }

  private KafkaPart kafka(Ports ports) {
    return new KafkaPart(
        new EmbeddedKafka.Options(
            home.data("kafka"),
            ports.of(Ports.Name.KAFKA),
            ports.of(Ports.Name.KAFKA_CONTROLLER),
            true));
  }

  private RegistryPart registry(String name, int port, RegistryAccess access) {
    return new RegistryPart(
        name,
        new RegistryProcess.Options(
            home.data(name), settings.registryAddress(), port, home.log(name), access.of(name)));
  }

  private Keeper keep(Part part) {
    Keeper keeper = new Keeper(part, console);
    synchronized (monitor) {
      if (stopping) {
        throw new CompletionException(new StartException("stopped while it was starting"));
      }
      keepers.add(keeper);
    }
    return keeper;
  }

  static String platform() {
    return switch (System.getProperty("os.arch", "")) {
      case "aarch64", "arm64" -> "linux/arm64";
      case "amd64", "x86_64" -> "linux/amd64";
      case String other -> "linux/" + other;
    };
  }

  /** After a kill the parts of the earlier run may need a moment to end. */
  private void awaitFree(Ports ports) throws InterruptedException, StartException {
    long deadline = System.nanoTime() + PORTS_LIMIT.toNanos();
    for (Ports.Name name : ports.names()) {
      while (!FreePorts.isFree(ports.of(name))) {
        if (System.nanoTime() > deadline) {
          throw new StartException(
              "port %d (%s) is taken by another program: stop that program, or change the number in %s"
                  .formatted(ports.of(name), name.key(), home.ports()));
        }
        TimeUnit.MILLISECONDS.sleep(100);
      }
    }
  }

  boolean isStopping() {
    synchronized (monitor) {
      return stopping;
    }
  }

  /** Waits until {@link #stop} has been called and is through. */
  void awaitStopped() throws InterruptedException {
    stopped.await();
  }

  /**
   * Stops the scheduler first, which hands its work over, and then whoever it needs. Repeatable.
   */
  void stop() throws InterruptedException {
    boolean first;
    synchronized (monitor) {
      first = !stopping;
      stopping = true;
    }
    if (!first) {
      stopped.await();
      return;
    }
    try {
      Files.deleteIfExists(home.farm());
    } catch (IOException e) {
      console.say("grange", "cannot remove " + home.farm() + ": " + e.getMessage());
    }
    rehearsal.cancel();
    // Nothing is added to the list any more.
    for (String name : STOP_ORDER) {
      for (Keeper keeper : keepers) {
        if (keeper.name().equals(name)) {
          keeper.stop(
              name.equals(Applications.SCHEDULER) && !recording
                  ? settings.drain().plus(WORKERS_STOP)
                  : stopLimit);
        }
      }
    }
    stopped.countDown();
  }

  /**
   * The lock of the home; a moment's patience, because {@code grange status} holds it while it
   * looks.
   */
  static DirectoryLock lock(Home home) throws IOException, InterruptedException {
    for (int attempt = 1; ; attempt++) {
      try {
        return DirectoryLock.acquire(home.directory());
      } catch (DirectoryLock.InUseException e) {
        if (attempt == 5) {
          throw e;
        }
        TimeUnit.MILLISECONDS.sleep(50);
      }
    }
  }
}
