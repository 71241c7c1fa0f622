package dev.grange.standalone;

import dev.grange.embedded.DirectoryLock;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Duration;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;

/** {@code up}, {@code status} and {@code down} of a farm on one machine. */
public final class Main {
  private static final int USAGE = 2;

  /** Beyond the scheduler's own time: the other parts have limits, too. */
  private static final Duration DOWN_LIMIT = Duration.ofSeconds(60);

  private final Home home;
  private final Console console;

  private Main(Home home, Console console) {
    this.home = home;
    this.console = console;
  }

  public static void main(String[] arguments) throws IOException, InterruptedException {
    long began = System.nanoTime();
    Logging.choose();
    Console console = new Console(new PrintStream(System.out, true, StandardCharsets.UTF_8));
    Main main = new Main(Home.of(System.getenv()), console);
    String command = arguments.length == 1 ? arguments[0] : "";
    int status;
    try {
      status =
          switch (command) {
            case "up" -> main.up(began);
            case "status" -> new Status(main.home, console).show();
            case "down" -> main.down();
            case "rehearse" -> Rehearsal.play(main.home, Settings.of(System.getenv()), console);
            default -> {
              System.err.println("usage: up | status | down");
              yield USAGE;
            }
          };
    } catch (Settings.InvalidException e) {
      console.say("grange", String.valueOf(e.getMessage()));
      status = USAGE;
    }
    System.exit(status);
  }

  private int up(long began) throws IOException, InterruptedException {
    Settings settings = Settings.of(System.getenv());
    home.create();
    DirectoryLock lock;
    try {
      lock = Supervisor.lock(home);
    } catch (DirectoryLock.InUseException e) {
      console.say(
          "grange",
          "is running already on %s, pid %d; \"status\" shows it, \"down\" stops it"
              .formatted(home.directory(), e.pid()));
      return 1;
    }
    try {
      return supervise(settings, began);
    } finally {
      lock.close();
    }
  }

  private int supervise(Settings settings, long began) throws IOException, InterruptedException {
    Logging.into(home.log().resolve("supervisor"));
    Supervisor supervisor = new Supervisor(home, settings, console);
    Thread hook = Thread.ofPlatform().name("stop").unstarted(() -> stopAndEnd(supervisor));
    Runtime.getRuntime().addShutdownHook(hook);
    try {
      supervisor.start(began);
    } catch (Supervisor.StartException e) {
      if (supervisor.isStopping()) {
        supervisor.awaitStopped();
        return 0;
      }
      console.say("grange", "does not start: " + e.getMessage());
      supervisor.stop();
      Runtime.getRuntime().removeShutdownHook(hook);
      return 1;
    }
    supervisor.awaitStopped();
    return 0;
  }

  /**
   * On SIGTERM and Ctrl-C. A farm that was asked to stop and did has ended well: status 0, not 143.
   */
  private void stopAndEnd(Supervisor supervisor) {
    try {
      console.say("grange", "stopping");
      supervisor.stop();
      console.say("grange", "stopped");
      Runtime.getRuntime().halt(0);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private int down() throws IOException, InterruptedException {
    OptionalLong owner = DirectoryLock.owner(home.directory());
    if (owner.isEmpty()) {
      console.say("grange", "is not running");
      return 0;
    }
    ProcessHandle.of(owner.getAsLong()).ifPresent(ProcessHandle::destroy);
    Duration limit = DOWN_LIMIT.plus(Settings.drain(System.getenv()));
    long deadline = System.nanoTime() + limit.toNanos();
    while (DirectoryLock.owner(home.directory()).isPresent()) {
      if (System.nanoTime() > deadline) {
        console.say(
            "grange",
            "process %d still runs after %d s; see %s"
                .formatted(owner.getAsLong(), limit.toSeconds(), home.log()));
        return 1;
      }
      TimeUnit.MILLISECONDS.sleep(100);
    }
    Files.deleteIfExists(home.farm());
    console.say("grange", "stopped");
    return 0;
  }
}
