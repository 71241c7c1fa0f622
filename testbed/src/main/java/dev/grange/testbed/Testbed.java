package dev.grange.testbed;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Kubernetes clusters for tests: started in network namespaces of this machine, which needs root,
 * or those that {@code GRANGE_E2E_KUBECONFIGS} names (separated by colons), to which no faults can
 * be done.
 */
public final class Testbed implements AutoCloseable {
  private final List<Cluster> clusters;
  private final boolean own;

  private Testbed(List<Cluster> clusters, boolean own) {
    this.clusters = clusters;
    this.own = own;
  }

  /** Starts clusters at the same time. What an earlier run left under these names is removed. */
  public static Testbed up(String... names) {
    return up(List.of(), names);
  }

  /** As {@link #up(String...)}, where a node that says nothing for so long counts as lost. */
  public static Testbed upWithShortNodeLost(int seconds, String... names) {
    return up(List.of("--node-lost", Integer.toString(seconds)), names);
  }

  /** As {@link #up(String...)}, where kubelets rotate a container's log at that size. */
  public static Testbed upWithSmallLogs(String size, String... names) {
    return up(List.of("--log-size", size), names);
  }

  private static Testbed up(List<String> options, String... names) {
    List<String> all = List.of(names);
    testbed("down", all);
    List<String> arguments = new ArrayList<>(all);
    arguments.addAll(options);
    // Also where the tests' own JVM is told to end; what a kill leaves, the next run removes.
    Thread hook = new Thread(() -> testbed("down", all), "testbed-down");
    Runtime.getRuntime().addShutdownHook(hook);
    try {
      testbed("up", arguments);
    } catch (IllegalStateException e) {
      testbed("down", all);
      throw e;
    }
    return new Testbed(all.stream().map(Cluster::ofTestbed).toList(), true);
  }

  /**
   * Clusters for tests that need no faults: those given, else clusters of the testbed.
   *
   * @param names as many as are needed
   */
  public static Testbed givenOrUp(String... names) {
    if (!areGiven()) {
      return up(names);
    }
    String given = System.getenv("GRANGE_E2E_KUBECONFIGS");
    List<Cluster> clusters = new ArrayList<>();
    for (String file : given.split(":", -1)) {
      if (clusters.size() < names.length) {
        clusters.add(Cluster.given(names[clusters.size()], Path.of(file)));
      }
    }
    if (clusters.size() < names.length) {
      throw new IllegalStateException(
          "GRANGE_E2E_KUBECONFIGS names %d clusters; this needs %d"
              .formatted(clusters.size(), names.length));
    }
    return new Testbed(List.copyOf(clusters), false);
  }

  /** Whether {@code GRANGE_E2E_KUBECONFIGS} names clusters. */
  static boolean areGiven() {
    String given = System.getenv("GRANGE_E2E_KUBECONFIGS");
    return given != null && !given.isBlank();
  }

  /** The clusters, in the order of their names' mention. */
  public List<Cluster> clusters() {
    return clusters;
  }

  /** One of them. */
  public Cluster cluster(String name) {
    return clusters.stream().filter(c -> c.name().equals(name)).findFirst().orElseThrow();
  }

  /** Whether they are the testbed's own, so that faults can be done to them. */
  public boolean takesFaults() {
    return own;
  }

  /** The address of this machine that every cluster reaches. */
  public String address() {
    String given = System.getenv("GRANGE_E2E_ADDRESS");
    return given == null || given.isBlank() ? testbed("address", List.of()).strip() : given;
  }

  /** Stops the clusters and removes all that they made. */
  @Override
  public void close() {
    if (own) {
      testbed("down", clusters.stream().map(Cluster::name).toList());
    }
  }

  /** Calls {@code ./grange testbed}; it must end well. */
  static String testbed(String command, List<String> arguments) {
    List<String> line =
        new ArrayList<>(List.of(root().resolve("testbed/grange-testbed").toString(), command));
    line.addAll(arguments);
    return Command.must(line);
  }

  /** The checkout. */
  static Path root() {
    for (@Nullable Path folder = Path.of("").toAbsolutePath();
        folder != null;
        folder = folder.getParent()) {
      if (Files.isExecutable(folder.resolve("testbed/grange-testbed"))) {
        return folder;
      }
    }
    throw new IllegalStateException(
        "not below a checkout of Grange: " + Path.of("").toAbsolutePath());
  }
}
