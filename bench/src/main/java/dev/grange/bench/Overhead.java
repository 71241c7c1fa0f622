package dev.grange.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/**
 * The same unique images through the farm and through a shell loop, in batches that alternate: how
 * many images a second each makes, and how much CPU time.
 *
 * <p>Within a pair the side that goes first changes from pair to pair, so that what the first one
 * leaves behind (pages in memory, buildah's note of where a layer has been seen) serves both alike.
 * Both sides talk to the same two registry processes.
 */
final class Overhead {
  private static final Duration LIMIT = Duration.ofMinutes(5);

  private final Path folder = Path.of(environment("BENCH_FOLDER"));
  private final Path peer = Path.of(environment("BENCH_PEER"));
  private final String parallel = environment("BENCH_PARALLEL");
  private final Farm farm;
  private final int batch;
  private final int clients;

  private Overhead(Farm farm, int batch, int clients) {
    this.farm = farm;
    this.batch = batch;
    this.clients = clients;
  }

  /** What one side needed for one batch. */
  private record Run(double seconds, Map<String, Double> cpu, int images) {
    double rate() {
      return images / seconds;
    }

    /** Seconds for each image. */
    double cpuSeconds() {
      return cpu.values().stream().mapToDouble(Double::doubleValue).sum() / images;
    }
  }

  private record Pair(Run farm, Run shell) {
    double ratio() {
      return farm.rate() / shell.rate();
    }

    double addedCpu() {
      return farm.cpuSeconds() - shell.cpuSeconds();
    }
  }

  /**
   * Arguments: {@code --pairs N --warm-up N --batch N --clients N}. What warms up does not count: a
   * farm runs for weeks, and its JVMs compile what they do often within their first hundred builds.
   */
  static void main(String[] arguments) throws IOException, InterruptedException {
    Map<String, Integer> options = new LinkedHashMap<>();
    options.put("--pairs", 6); // even, so that each side goes first as often as the other
    options.put("--warm-up", 2);
    options.put("--batch", 20);
    options.put("--clients", 4);
    for (int i = 0; i < arguments.length; i += 2) {
      if (i + 1 == arguments.length
          || !options.containsKey(arguments[i])
          || !arguments[i + 1].matches("[1-9][0-9]{0,3}")) {
        System.err.println("usage: grange bench overhead [--pairs N] [--warm-up N] [--batch N] [--clients N]");
        System.exit(2);
      }
      options.put(arguments[i], Integer.valueOf(arguments[i + 1]));
    }
    try (Farm farm = Farm.running(Path.of(environment("GRANGE_HOME")))) {
      new Overhead(farm, options.get("--batch"), options.get("--clients"))
          .run(options.get("--pairs"), options.get("--warm-up"));
    }
    System.exit(0); // Kafka's client is in no hurry
  }

  private void run(int pairs, int warmUp) throws IOException, InterruptedException {
    prepare();
    System.out.printf(
        "%d pairs of 2 × %d images, %s at a time, %s storage, after %d that warm up and do not count%n",
        pairs,
        batch,
        parallel,
        environment("GRANGE_STORAGE_DRIVER"),
        warmUp);
    System.out.printf(
        Locale.ROOT,
        "%4s  %13s  %13s  %6s  %14s  %14s  %9s%n",
        "pair",
        "farm",
        "shell loop",
        "ratio",
        "farm CPU",
        "shell CPU",
        "added CPU");
    List<Pair> measured = new ArrayList<>();
    for (int i = 1 - warmUp; i <= pairs; i++) {
      Pair pair = pair(i, i % 2 == 0);
      System.out.printf(
          Locale.ROOT,
          "%4s  %7.3f img/s  %7.3f img/s  %6.3f  %8.0f ms/img  %8.0f ms/img  %6.0f ms%n",
          i < 1 ? "warm" : Integer.toString(i),
          pair.farm().rate(),
          pair.shell().rate(),
          pair.ratio(),
          pair.farm().cpuSeconds() * 1000,
          pair.shell().cpuSeconds() * 1000,
          pair.addedCpu() * 1000);
      if (i >= 1) {
        measured.add(pair);
      }
    }
    report(measured);
  }

  private void prepare() throws IOException, InterruptedException {
    for (String name : List.of("containerfiles", "digests", "shell")) {
      Files.createDirectories(folder.resolve(name));
    }
    Files.writeString(folder.resolve("containers.conf"), "[containers]\nnetns = \"host\"\n");
    Files.writeString(
        folder.resolve("registries.conf"),
        "[[registry]]\nlocation = \"%s\"\ninsecure = true\n".formatted(farm.candidate()));
    writeCredential();
    start("base", List.of(peer.resolve("base").toString(), base()));
  }

  /** The loop's account at both registries, as `bench/overhead` has told the farm of it. */
  private void writeCredential() throws IOException {
    String secret = Files.readString(folder.resolve("account-secret")).strip();
    String basic =
        Base64.getEncoder()
            .encodeToString(("bench:" + secret).getBytes(StandardCharsets.US_ASCII));
    Files.writeString(
        folder.resolve("auth.json"),
        "{\"auths\":{\"%s\":{\"auth\":\"%s\"},\"%s\":{\"auth\":\"%s\"}}}"
            .formatted(farm.candidate(), basic, farm.stable(), basic));
  }

  private String base() {
    return farm.candidate() + "/bench/base:1";
  }

  private Pair pair(int number, boolean farmFirst) throws IOException, InterruptedException {
    List<String> names = new ArrayList<>();
    Map<String, String> containerfiles = new LinkedHashMap<>();
    for (int i = 0; i < batch; i++) {
      String name = "p%d-i%d".formatted(number, i);
      names.add(name);
      String text =
          "FROM %s%nRUN echo %s >/name%nLABEL dev.grange.test=\"grep -qx %s /name\"%n"
              .formatted(base(), name, name);
      containerfiles.put(name, text);
      Files.writeString(folder.resolve("containerfiles").resolve(name), text);
    }
    Run first = farmFirst ? null : shell(number, names);
    Run throughFarm = farm(containerfiles);
    Run throughShell = first == null ? shell(number, names) : first;
    for (String name : names) {
      String digest = Files.readString(folder.resolve("digests").resolve(name)).strip();
      farm.check(name, digest);
    }
    return new Pair(throughFarm, throughShell);
  }

  private Run farm(Map<String, String> containerfiles) throws IOException, InterruptedException {
    farm.awaitQuiet();
    Map<String, Double> before = farm.cpu();
    long began = System.nanoTime();
    farm.build(containerfiles, clients, LIMIT);
    double seconds = (System.nanoTime() - began) / 1e9;
    farm.awaitQuiet(); // the removal of the last workers' folders costs as well
    return new Run(seconds, difference(before, farm.cpu()), batch);
  }

  private Run shell(int number, List<String> names) throws IOException, InterruptedException {
    farm.awaitQuiet();
    Map<String, Double> before = shellCpu();
    long began = System.nanoTime();
    Path list = Files.write(folder.resolve("names"), names);
    start(
        "shell-" + number,
        List.of(
            "xargs",
            "--arg-file=" + list,
            "--max-procs=" + parallel,
            "--max-args=1",
            peer.resolve("image").toString()));
    double seconds = (System.nanoTime() - began) / 1e9;
    return new Run(seconds, difference(before, shellCpu()), batch);
  }

  /** The loop is our only child: all that it used is ours when it has ended. */
  private Map<String, Double> shellCpu() throws IOException {
    Map<String, Double> cpu = new LinkedHashMap<>();
    cpu.put("buildah, skopeo", CpuTime.ofEndedChildren());
    cpu.put("registries", farm.cpu().getOrDefault("registries", 0.0));
    return cpu;
  }

  private void start(String what, List<String> command) throws IOException, InterruptedException {
    Path log = folder.resolve(what + ".log");
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
    builder.environment().put("BENCH_CANDIDATE", farm.candidate());
    builder.environment().put("BENCH_STABLE", farm.stable());
    builder.environment().put("BENCH_PLATFORM", farm.platform());
    builder.environment().put("GRANGE_INSECURE_REGISTRIES", farm.candidate());
    builder.environment().put("REGISTRY_AUTH_FILE", folder.resolve("auth.json").toString());
    Process process = builder.start();
    process.getOutputStream().close();
    if (process.waitFor() != 0) {
      System.err.println(Files.readString(log, StandardCharsets.UTF_8));
      throw new IOException(command.getFirst() + " ended with " + process.exitValue());
    }
  }

  private static Map<String, Double> difference(
      Map<String, Double> before, Map<String, Double> after) {
    Map<String, Double> used = new LinkedHashMap<>();
    after.forEach((part, seconds) -> used.put(part, seconds - before.getOrDefault(part, 0.0)));
    return used;
  }

  private static void report(List<Pair> pairs) {
    System.out.println("\nCPU time of one image, by part (median):");
    parts("farm", pairs, Pair::farm);
    parts("shell", pairs, Pair::shell);
    Estimate ratio = Estimate.of(values(pairs, Pair::ratio));
    Estimate added = Estimate.of(values(pairs, Pair::addedCpu));
    System.out.printf(
        Locale.ROOT,
        "%nthroughput ratio %.3f (95 %% interval of the median %.3f to %.3f); added CPU %.0f ms an"
            + " image (%.0f to %.0f)%n",
        ratio.median(),
        ratio.low(),
        ratio.high(),
        added.median() * 1000,
        added.low() * 1000,
        added.high() * 1000);
    System.out.println(
        "Checked: every image is in stable under the digest of its candidate, on both sides the"
            + " same; tested; every event in Kafka.");
    System.out.printf(
        Locale.ROOT,
        "{\"name\":\"overhead\",\"throughput_ratio\":%.3f,\"added_cpu_s\":%.3f,\"runs\":%d,\"ci\":[%.3f,%.3f],\"added_cpu_ci\":[%.3f,%.3f]}%n",
        ratio.median(),
        added.median(),
        pairs.size(),
        ratio.low(),
        ratio.high(),
        added.low(),
        added.high());
  }

  private interface Side {
    Run of(Pair pair);
  }

  private static void parts(String name, List<Pair> pairs, Side side) {
    StringBuilder line = new StringBuilder("  %-6s".formatted(name));
    for (String part : side.of(pairs.getFirst()).cpu().keySet()) {
      double[] each = values(pairs, p -> side.of(p).cpu().get(part) / side.of(p).images());
      line.append(
          String.format(Locale.ROOT, " %s %.0f ms,", part, Estimate.of(each).median() * 1000));
    }
    line.setLength(line.length() - 1);
    System.out.println(line);
  }

  private static double[] values(List<Pair> pairs, ToDoubleFunction<Pair> value) {
    return pairs.stream().mapToDouble(value).toArray();
  }

  static String environment(String name) {
    String value = System.getenv(name);
    if (value == null) {
      throw new IllegalStateException(name + " is not set: start this as ./grange bench overhead");
    }
    return value;
  }
}
