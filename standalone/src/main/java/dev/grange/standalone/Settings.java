package dev.grange.standalone;

import java.io.File;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * What people may set for the standalone farm, all of it in the environment.
 *
 * @param apps the folder that has {@code build-service/target/quarkus-app}, {@code
 *     scheduler/target/quarkus-app} and {@code worker-image/bin}: GRANGE_APPS
 * @param registryAddress where the registries listen and under which clients and pods find them:
 *     GRANGE_REGISTRY_ADDRESS, default 127.0.0.1
 * @param drain how long the scheduler may take to put its work in order when the farm stops:
 *     GRANGE_DRAIN in seconds, default 20
 * @param heap the largest heap of each application: GRANGE_APP_HEAP, as in -Xmx, default 192m
 * @param slots how many builds the local cluster of a new farm runs at once: GRANGE_LOCAL_SLOTS,
 *     default one for each core
 * @param accounts a file of accounts at the registries, for machines that push base images:
 *     GRANGE_REGISTRY_ACCOUNTS, default none
 * @param tokenRealm where clients of the registries find the token service, if something stands
 *     before it, such as a balancer before several schedulers: GRANGE_TOKENS_REALM
 */
record Settings(
    Path apps,
    String registryAddress,
    Duration drain,
    String heap,
    int slots,
    Optional<Path> accounts,
    Optional<String> tokenRealm) {
  private static final Pattern IPV4 = Pattern.compile("[0-9]{1,3}(\\.[0-9]{1,3}){3}");
  private static final Pattern REALM = Pattern.compile("https?://[^/]+/token");
  private static final Pattern HEAP = Pattern.compile("[0-9]+[kmgKMG]");

  /** A setting that cannot be used; the message says which and what it should be. */
  static final class InvalidException extends RuntimeException {
    private static final long serialVersionUID = 1;

    InvalidException(String message) {
      super(message);
    }
  }

  static Settings of(Map<String, String> environment) {
    return new Settings(
        apps(environment),
        matching(
            environment,
            "GRANGE_REGISTRY_ADDRESS",
            "127.0.0.1",
            IPV4,
            "an IPv4 address of this machine"),
        drain(environment),
        matching(environment, "GRANGE_APP_HEAP", "192m", HEAP, "a size such as 192m"),
        number(
            environment,
            "GRANGE_LOCAL_SLOTS",
            Runtime.getRuntime().availableProcessors(),
            0,
            10_000),
        accounts(environment),
        realm(environment));
  }

  private static Optional<Path> accounts(Map<String, String> environment) {
    String setting = environment.getOrDefault("GRANGE_REGISTRY_ACCOUNTS", "");
    if (setting.isBlank()) {
      return Optional.empty();
    }
    Path file = Path.of(setting).toAbsolutePath();
    if (!Files.isReadable(file) || setting.contains(",")) {
      throw new InvalidException(
          "GRANGE_REGISTRY_ACCOUNTS must be a file that can be read and whose name has no comma,"
              + " not \""
              + setting
              + "\"");
    }
    return Optional.of(file);
  }

  private static Optional<String> realm(Map<String, String> environment) {
    String name = "GRANGE_TOKENS_REALM";
    return environment.getOrDefault(name, "").isBlank()
        ? Optional.empty()
        : Optional.of(
            matching(environment, name, "", REALM, "a URL such as http://192.0.2.1:7082/token"));
  }

  static Duration drain(Map<String, String> environment) {
    return Duration.ofSeconds(number(environment, "GRANGE_DRAIN", 20, 0, 3600));
  }

  private static String matching(
      Map<String, String> environment,
      String name,
      String otherwise,
      Pattern pattern,
      String expected) {
    String value = environment.getOrDefault(name, otherwise);
    if (!pattern.matcher(value).matches()) {
      throw new InvalidException(name + " must be " + expected + ", not \"" + value + "\"");
    }
    return value;
  }

  private static int number(
      Map<String, String> environment, String name, int otherwise, int lowest, int highest) {
    String value = environment.getOrDefault(name, Integer.toString(otherwise));
    if (value.matches("[0-9]{1,9}")) {
      int number = Integer.parseInt(value);
      if (number >= lowest && number <= highest) {
        return number;
      }
    }
    throw new InvalidException(
        "%s must be a number from %d to %d, not \"%s\"".formatted(name, lowest, highest, value));
  }

  private static Path apps(Map<String, String> environment) {
    List<Path> candidates = new ArrayList<>();
    String setting = environment.getOrDefault("GRANGE_APPS", "");
    if (!setting.isBlank()) {
      candidates.add(Path.of(setting));
    } else {
      candidates.add(Path.of(""));
      // standalone/target/grange-standalone.jar, or standalone/target/classes
      ownLocation().map(target -> target.resolve("../..")).forEach(candidates::add);
    }
    return candidates.stream()
        .map(folder -> folder.toAbsolutePath().normalize())
        .filter(folder -> Files.isRegularFile(runner(folder, "build-service")))
        .findFirst()
        .orElseThrow(
            () ->
                new InvalidException(
                    "the applications are not built, or GRANGE_APPS does not name the folder that"
                        + " has "
                        + String.join(File.separator, "build-service", "target", "quarkus-app")));
  }

  private static java.util.stream.Stream<Path> ownLocation() {
    try {
      Path code =
          Path.of(Settings.class.getProtectionDomain().getCodeSource().getLocation().toURI());
      Path target = code.getParent();
      return target == null ? java.util.stream.Stream.empty() : java.util.stream.Stream.of(target);
    } catch (URISyntaxException e) {
      return java.util.stream.Stream.empty();
    }
  }

  Path runner(String application) {
    return runner(apps, application);
  }

  private static Path runner(Path apps, String application) {
    return apps.resolve(application).resolve("target/quarkus-app/quarkus-run.jar");
  }
}
