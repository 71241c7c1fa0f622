package dev.grange.standalone;

import dev.grange.embedded.DirectoryLock;
import dev.grange.embedded.FreePorts;
import dev.grange.embedded.HttpProbe;
import java.io.IOException;
import java.nio.file.Files;
import java.util.OptionalLong;

/** Looks at a farm from outside. */
final class Status {
  static final int RUNNING = 0;
  static final int NOT_RUNNING = 3;
  static final int DEGRADED = 7;

  private final Home home;
  private final Console console;

  Status(Home home, Console console) {
    this.home = home;
    this.console = console;
  }

  /** Says what runs; gives the exit status. */
  int show() throws IOException {
    OptionalLong owner = DirectoryLock.owner(home.directory());
    if (owner.isEmpty()) {
      console.say("grange", "not running; data in " + home.directory());
      return NOT_RUNNING;
    }
    if (!Files.exists(home.ports())) {
      console.say("grange", "starting, pid " + owner.getAsLong());
      return DEGRADED;
    }
    Ports ports = Ports.keptIn(home.ports());
    boolean ready = Files.exists(home.farm());
    console.say(
        "grange",
        "%s, pid %d, data in %s"
            .formatted(
                ready ? "running" : "starting or stopping", owner.getAsLong(), home.directory()));
    boolean all = ready;
    all &= answers("build-service", "http://" + ports.local(Ports.Name.API), "/q/health/ready");
    all &= answers("scheduler", "http://" + ports.local(Ports.Name.SCHEDULER), "/q/health/ready");
    all &= listens("tokens", ports.of(Ports.Name.TOKENS));
    all &= listens("candidate", ports.of(Ports.Name.CANDIDATE));
    all &= listens("stable", ports.of(Ports.Name.STABLE));
    all &= listens("kafka", ports.of(Ports.Name.KAFKA));
    all &= listens("postgres", ports.of(Ports.Name.POSTGRES));
    return all ? RUNNING : DEGRADED;
  }

  private boolean answers(String part, String url, String path) {
    int status = HttpProbe.status(url + path);
    console.say(
        part,
        url
            + switch (status) {
              case 200 -> " ready";
              case 0 -> " does not answer; see " + home.log(part);
              default -> " answers " + status + "; see " + home.log(part);
            });
    return status == 200;
  }

  private boolean listens(String part, int port) {
    boolean taken = !FreePorts.isFree(port);
    console.say(part, "port " + port + (taken ? " open" : " closed; see " + home.log()));
    return taken;
  }
}
