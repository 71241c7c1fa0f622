package dev.grange.cli.build;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.grange.cli.farm.Api;
import dev.grange.cli.farm.CommandFailure;
import dev.grange.cli.farm.ExitCode;
import dev.grange.cli.farm.FarmOptions;
import dev.grange.cli.farm.Json;
import dev.grange.cli.farm.Surroundings;
import dev.grange.cli.terminal.Durations;
import dev.grange.cli.terminal.Output;
import dev.grange.cli.terminal.Progress;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code grange build}: the options are Docker's where Docker has the word. */
@Command(
    name = "build",
    sortOptions = false,
    description = "Build an image from a directory and wait for it.")
public final class BuildCommand implements Callable<Integer> {

  private final Surroundings surroundings;

  @Parameters(
      arity = "0..1",
      paramLabel = "CONTEXT_DIR",
      description = "The directory to build from. Default: this one; with `-f -` none.")
  @Nullable Path context;

  @Option(
      names = {"-f", "--file"},
      paramLabel = "FILE",
      description =
          "The Containerfile; - reads it from stdin. Default: Containerfile, then Dockerfile, in"
              + " the context.")
  @Nullable String file;

  @Option(
      names = {"-t", "--tag"},
      paramLabel = "NAME[:TAG]",
      description = "Name and tag; repeat for more tags. Default: the directory's name.")
  List<String> tags = List.of();

  @Option(
      names = "--build-arg",
      paramLabel = "KEY[=VALUE]",
      description = "A build argument; without a value it is taken from the environment.")
  List<String> buildArguments = List.of();

  @Option(names = "--label", paramLabel = "KEY=VALUE", description = "A label of the image.")
  List<String> labels = List.of();

  @Option(names = "--target", paramLabel = "STAGE", description = "Stop at this stage.")
  @Nullable String target;

  @Option(
      names = "--platform",
      split = ",",
      paramLabel = "OS/ARCH",
      description = "For which platforms; repeat or separate by commas. Default: the farm's.")
  List<String> platforms = List.of();

  @Option(
      names = "--project",
      paramLabel = "NAME",
      description =
          "The project that will own the build. Default: $GRANGE_PROJECT, then `default`.")
  @Nullable String project;

  @Option(
      names = "--cluster",
      paramLabel = "NAME",
      description = "The only cluster that may build it. Default: any.")
  @Nullable String cluster;

  @Option(
      names = "--cluster-label",
      paramLabel = "KEY=VALUE",
      description = "Only on clusters with this label; repeat for more.")
  List<String> clusterLabels = List.of();

  @Option(names = "--priority", paramLabel = "N", description = "Higher goes first. Default: 0.")
  @Nullable Integer priority;

  @Option(
      names = "--timeout",
      paramLabel = "TIME",
      converter = Durations.class,
      description = "How long a build may run. Default: the farm's.")
  @Nullable Duration timeout;

  @Option(names = "--scratch", description = "Only a try: built and pushed, never promoted.")
  boolean scratch;

  @Option(
      names = "--idempotency-key",
      paramLabel = "KEY",
      description = "The same key gives the same build. Default: a new one for each call.")
  @Nullable String idempotencyKey;

  @Mixin FollowOptions follow = new FollowOptions();
  @Mixin Output output = new Output();
  @Mixin FarmOptions farm = new FarmOptions();

  public BuildCommand(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  private record Recipe(String text, @Nullable Path file) {}

  @Override
  public Integer call() {
    if (scratch && follow.goal() == Goal.PROMOTED) {
      throw usage("A scratch build is never promoted; leave out --scratch or --until promoted.");
    }
    Path directory = directory();
    Recipe recipe = recipe(directory);
    ObjectNode request = request(directory, recipe);
    Progress progress = Progress.on(surroundings.err(), surroundings.environment(), follow.quiet);
    Api api = farm.connect(surroundings);
    JsonNode build =
        new Submission(api, progress, surroundings.home())
            .submit(
                request,
                directory,
                recipe.file(),
                idempotencyKey == null ? UUID.randomUUID().toString() : idempotencyKey);
    return follow.follow(api, build, output, progress, surroundings);
  }

  private @Nullable Path directory() {
    if (context == null && "-".equals(file)) {
      return null;
    }
    Path directory =
        surroundings.directory().resolve(context == null ? Path.of("") : context).normalize();
    if (!Files.isDirectory(directory)) {
      throw usage("The context %s is not a directory.".formatted(directory));
    }
    return directory;
  }

  private Recipe recipe(@Nullable Path directory) {
    try {
      if ("-".equals(file)) {
        return new Recipe(
            new String(surroundings.in().readAllBytes(), StandardCharsets.UTF_8), null);
      }
      if (file != null) {
        Path named = surroundings.directory().resolve(file);
        if (!Files.exists(named) && directory != null && Files.exists(directory.resolve(file))) {
          // buildah looks there as well.
          named = directory.resolve(file);
        }
        return new Recipe(Files.readString(named), named);
      }
      if (directory != null) {
        for (String name : List.of("Containerfile", "Dockerfile")) {
          Path candidate = directory.resolve(name);
          if (Files.isRegularFile(candidate)) {
            return new Recipe(Files.readString(candidate), candidate);
          }
        }
      }
      throw usage(
          "There is neither a Containerfile nor a Dockerfile in %s; name one with -f."
              .formatted(directory));
    } catch (IOException e) {
      throw new CommandFailure(
          ExitCode.USAGE, "The Containerfile %s cannot be read.".formatted(file), e);
    }
  }

  private ObjectNode request(@Nullable Path directory, Recipe recipe) {
    ObjectNode request = Json.object();
    String owner = project;
    if (owner == null) {
      owner = surroundings.environment().getOrDefault("GRANGE_PROJECT", "");
    }
    request.put("project", owner.isEmpty() ? "default" : owner);
    name(request, directory);
    request.put("containerfile", recipe.text());
    if (!buildArguments.isEmpty()) {
      pairs(request.putObject("args"), buildArguments, true);
    }
    if (!labels.isEmpty()) {
      pairs(request.putObject("labels"), labels, false);
    }
    if (target != null) {
      request.put("target", target);
    }
    if (!platforms.isEmpty()) {
      ArrayNode wanted = request.putArray("platforms");
      platforms.forEach(platform -> wanted.add(platform.strip()));
    }
    if (cluster != null) {
      request.put("cluster", cluster);
    }
    if (!clusterLabels.isEmpty()) {
      pairs(request.putObject("cluster_selector"), clusterLabels, false);
    }
    if (priority != null) {
      request.put("priority", priority);
    }
    if (timeout != null) {
      request.put("timeout_seconds", timeout.toSeconds());
    }
    if (scratch) {
      request.put("scratch", true);
    }
    return request;
  }

  private void name(ObjectNode request, @Nullable Path directory) {
    if (tags.isEmpty()) {
      Path last = directory == null ? null : directory.getFileName();
      String name =
          last == null
              ? ""
              : last.toString()
                  .toLowerCase(Locale.ROOT)
                  .replaceAll("[^a-z0-9._-]+", "-")
                  .replaceAll("^[._-]+|[._-]+$", "");
      if (name.isEmpty()) {
        throw usage("What is the image to be called? Name it with -t NAME[:TAG].");
      }
      request.put("image", name);
      return;
    }
    Set<String> names = new LinkedHashSet<>();
    Set<String> wanted = new LinkedHashSet<>();
    for (String tag : tags) {
      int colon = tag.indexOf(':', tag.lastIndexOf('/') + 1);
      names.add(colon < 0 ? tag : tag.substring(0, colon));
      wanted.add(colon < 0 ? "latest" : tag.substring(colon + 1));
    }
    if (names.size() > 1) {
      throw usage(
          "A build has one image name, with as many tags as you like; -t named %s."
              .formatted(String.join(" and ", names)));
    }
    request.put("image", names.iterator().next());
    ArrayNode array = request.putArray("tags");
    wanted.forEach(array::add);
  }

  private void pairs(ObjectNode object, List<String> pairs, boolean environmentToo) {
    for (String pair : pairs) {
      int equals = pair.indexOf('=');
      if (equals > 0) {
        object.put(pair.substring(0, equals), pair.substring(equals + 1));
      } else if (equals < 0 && environmentToo) {
        String value = surroundings.environment().get(pair);
        // As Docker does: an argument that is not set is left to the Containerfile's default.
        if (value != null) {
          object.put(pair, value);
        }
      } else {
        throw usage("'%s' must be written KEY=VALUE.".formatted(pair));
      }
    }
  }

  private static CommandFailure usage(String message) {
    return new CommandFailure(ExitCode.USAGE, message);
  }
}
