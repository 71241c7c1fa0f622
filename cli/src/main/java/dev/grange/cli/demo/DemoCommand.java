package dev.grange.cli.demo;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.grange.cli.build.Detach;
import dev.grange.cli.build.Goal;
import dev.grange.cli.build.LastWords;
import dev.grange.cli.build.Submission;
import dev.grange.cli.build.Watch;
import dev.grange.cli.farm.Api;
import dev.grange.cli.farm.CommandFailure;
import dev.grange.cli.farm.ExitCode;
import dev.grange.cli.farm.FarmOptions;
import dev.grange.cli.farm.Json;
import dev.grange.cli.farm.Surroundings;
import dev.grange.cli.terminal.Output;
import dev.grange.cli.terminal.Progress;
import dev.grange.cli.terminal.Progress.Look;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * {@code ./grange demo}, behind the launcher: one build of {@code examples/hello} through
 * candidate, test and promotion. The launcher has started the farm and says in GRANGE_ROOT where
 * the examples are.
 */
@Command(
    name = "demo",
    hidden = true,
    description = "Build examples/hello and follow it until it is promoted and announced.")
public final class DemoCommand implements Callable<Integer> {

  /** Events are published after the promotion; a broker that is just starting takes a while. */
  private static final Duration PUBLISHING = Duration.ofMinutes(2);

  private static final int ELF_HEAD = 4096;

  private final Surroundings surroundings;

  @Option(names = "--cluster", paramLabel = "NAME", description = "Build on this cluster.")
  @Nullable String cluster;

  @Option(names = "--json", description = "Print one JSON object last on stdout.")
  boolean json;

  @Mixin FarmOptions farm = new FarmOptions();

  public DemoCommand(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public Integer call() throws InterruptedException {
    Progress progress = Progress.on(surroundings.err(), surroundings.environment(), false);
    Path directory = stage();
    Api api = farm.connect(surroundings);
    ObjectNode request = Json.object();
    request.put("project", "default").put("image", "hello");
    request.putArray("tags").add("latest");
    Path containerfile = directory.resolve("Containerfile");
    try {
      request.put("containerfile", Files.readString(containerfile));
    } catch (IOException e) {
      throw new CommandFailure(ExitCode.USAGE, containerfile + " cannot be read.", e);
    }
    place(api, request);
    JsonNode accepted =
        new Submission(api, progress, surroundings.home())
            .submit(request, directory, containerfile, UUID.randomUUID().toString());
    String id = Json.text(accepted, "id");
    Watch watch = new Watch(api, id, new Watch.Choice(Goal.PROMOTED, null, true, true), progress);
    JsonNode build;
    try (Detach _ = Detach.whileFollowing(id, progress, surroundings)) {
      build = watch.run();
    }
    ExitCode verdict = Goal.PROMOTED.verdict(build).orElse(ExitCode.API);
    JsonNode events = verdict == ExitCode.OK ? published(api, id) : Json.MAPPER.missingNode();
    Set<String> told = watch.events();
    for (JsonNode event : events) {
      if (told.add(Json.text(event, "id"))) {
        progress.line(Look.FAINT, "event      " + Json.text(event, "type"));
      }
    }
    if (verdict == ExitCode.OK) {
      progress.line("published  %d events on Kafka".formatted(events.size()));
    } else {
      new LastWords(api, surroundings.command()).say(surroundings.err(), build, verdict);
    }
    surroundings.err().flush();
    result(build, events, verdict);
    return verdict.status();
  }

  private void place(Api api, ObjectNode request) {
    if (cluster == null) {
      return;
    }
    List<String> names = new ArrayList<>();
    api.list("/clusters", Integer.MAX_VALUE).forEach(known -> names.add(Json.text(known, "name")));
    if (!names.contains(cluster)) {
      throw new CommandFailure(
          ExitCode.NOT_FOUND,
          "There is no cluster %s on this farm; there are: %s."
              .formatted(cluster, String.join(", ", names)));
    }
    request.put("cluster", cluster);
  }

  private void result(JsonNode build, JsonNode events, ExitCode verdict) {
    List<String> stable = LastWords.stable(build);
    if (json) {
      ObjectNode result = Json.object();
      result.put("build", Json.text(build, "id"));
      result.put("candidate", Json.text(build.path("candidate"), "pullspec"));
      var pullspecs = result.putArray("stable");
      stable.forEach(pullspecs::add);
      result.put("digest", Json.text(build.path("candidate"), "digest"));
      var types = result.putArray("events");
      events.forEach(event -> types.add(Json.text(event, "type")));
      surroundings.out().println(Output.line(result));
    } else if (verdict == ExitCode.OK) {
      surroundings.out().println();
      stable.forEach(
          pullspec -> {
            surroundings.out().println("Stable image:  " + pullspec);
            surroundings.out().println("Look at it:    " + LastWords.inspect(pullspec));
          });
    }
  }

  /** The events once all of them are on Kafka. */
  private static JsonNode published(Api api, String id) throws InterruptedException {
    long started = System.nanoTime();
    while (true) {
      JsonNode build = api.get("/builds/" + Api.encode(id));
      JsonNode events = api.get("/builds/" + Api.encode(id) + "/events").path("items");
      boolean all = build.path("final").asBoolean() && events.size() > 0;
      for (JsonNode event : events) {
        all &= !Json.text(event, "published_at").isEmpty();
      }
      if (all) {
        return events;
      }
      if (System.nanoTime() - started > PUBLISHING.toNanos()) {
        throw new CommandFailure(
            ExitCode.FARM_FAILED,
            "The image was promoted, but its events are not on Kafka after %d minutes."
                .formatted(PUBLISHING.toMinutes()));
      }
      TimeUnit.MILLISECONDS.sleep(200);
    }
  }

  /** Copies the example and puts a static busybox beside it: the image starts from nothing. */
  private Path stage() {
    Path example =
        surroundings
            .directory()
            .resolve(surroundings.environment().getOrDefault("GRANGE_ROOT", ""))
            .resolve("examples")
            .resolve("hello");
    Path staged = surroundings.home().resolve("demo").resolve("hello");
    try {
      Files.createDirectories(staged);
      try (var old = Files.list(staged)) {
        for (Path file : old.toList()) {
          Files.delete(file);
        }
      }
      try (var files = Files.list(example)) {
        for (Path file : files.toList()) {
          Files.copy(file, staged.resolve(file.getFileName()), StandardCopyOption.COPY_ATTRIBUTES);
        }
      }
      Files.copy(busybox(), staged.resolve("busybox"), StandardCopyOption.COPY_ATTRIBUTES);
      return staged;
    } catch (IOException e) {
      throw new CommandFailure(
          ExitCode.USAGE,
          "The example %s cannot be copied to %s: %s".formatted(example, staged, e),
          e);
    }
  }

  private Path busybox() throws IOException {
    String path = surroundings.environment().getOrDefault("PATH", "/usr/bin:/bin");
    for (String folder : path.split(File.pathSeparator, -1)) {
      Path candidate = Path.of(folder).resolve("busybox");
      if (Files.isExecutable(candidate) && Files.isRegularFile(candidate)) {
        Path real = candidate.toRealPath();
        try (InputStream in = Files.newInputStream(real, LinkOption.NOFOLLOW_LINKS)) {
          String head = new String(in.readNBytes(ELF_HEAD), StandardCharsets.ISO_8859_1);
          // A dynamic program names its loader (/lib64/ld-…, /lib/ld-musl-…) near its head.
          if (!head.contains("/ld-")) {
            return real;
          }
        }
      }
    }
    throw new CommandFailure(
        ExitCode.USAGE,
        "The demo needs a statically linked busybox; on Debian: apt-get install busybox-static");
  }
}
