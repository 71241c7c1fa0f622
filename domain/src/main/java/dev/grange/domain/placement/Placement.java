package dev.grange.domain.placement;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Decides which waiting work goes to which cluster. A pure function from a snapshot: no clock, no
 * randomness, no memory of the last round. Work is served in the order it comes in, tests first;
 * each piece goes to the cluster with the least load for its weight.
 */
public final class Placement {
  private Placement() {}

  /** Work that gets a slot now. */
  public record Assignment(Work work, String cluster) {}

  /** Why nothing was found: stored when it changes, shown by {@code explain}. */
  public enum Wait {
    /** No registered cluster builds for this platform. */
    NO_CLUSTER_FOR_PLATFORM("NoClusterForPlatform"),
    /** There are such clusters, and none takes work now. */
    NO_CLUSTER_AVAILABLE("NoClusterAvailable"),
    /** All slots are taken. */
    NO_FREE_SLOT("NoFreeSlot");

    private final String code;

    Wait(String code) {
      this.code = code;
    }

    public String code() {
      return code;
    }
  }

  /**
   * Why a piece of work waits.
   *
   * @param clusters for each cluster, a few words
   */
  public record Refusal(Work work, Wait why, String message, Map<String, String> clusters) {}

  public record Plan(List<Assignment> assignments, List<Refusal> refusals) {}

  private static final class Load {
    final ClusterView cluster;
    int used;

    Load(ClusterView cluster) {
      this.cluster = cluster;
      this.used = cluster.used();
    }

    boolean hasSlot() {
      return used < cluster.slots();
    }

    /**
     * Attempts for each slot and weight after one more: compared only, so the unit does not matter.
     */
    double loadWithOneMore() {
      return (used + 1) / ((double) cluster.slots() * cluster.weight());
    }
  }

  /**
   * Places what can be placed and says of the rest why not.
   *
   * @param queue in the order in which it is to be served within tests and within builds
   */
  public static Plan plan(List<Work> queue, List<ClusterView> clusters) {
    List<Load> loads = clusters.stream().map(Load::new).toList();
    List<Assignment> assignments = new ArrayList<>();
    List<Refusal> refusals = new ArrayList<>();
    for (boolean tests : new boolean[] {true, false}) {
      for (Work work : queue) {
        if (work.test() == tests) {
          Load best = best(work, loads);
          if (best == null) {
            refusals.add(refuse(work, loads));
          } else {
            best.used++;
            assignments.add(new Assignment(work, best.cluster.name()));
          }
        }
      }
    }
    return new Plan(assignments, refusals);
  }

  private static @Nullable Load best(Work work, List<Load> loads) {
    Load best = null;
    for (Load load : loads) {
      if (whyNot(work, load) == null && (best == null || better(work, load, best))) {
        best = load;
      }
    }
    return best;
  }

  private static boolean better(Work work, Load one, Load other) {
    boolean avoidOne = work.avoid().contains(one.cluster.name());
    boolean avoidOther = work.avoid().contains(other.cluster.name());
    if (avoidOne != avoidOther) {
      return avoidOther;
    }
    return one.loadWithOneMore() < other.loadWithOneMore();
  }

  private static @Nullable String whyNot(Work work, Load load) {
    ClusterView cluster = load.cluster;
    if (work.cluster() != null && !work.cluster().equals(cluster.name())) {
      return "the build asks for " + work.cluster();
    }
    if (!cluster.platforms().contains(work.platform())) {
      return "does not build for " + work.platform();
    }
    if (!cluster.takesWork()) {
      return "takes no new work (cordoned or draining)";
    }
    if (!cluster.reachable()) {
      return "cannot be reached";
    }
    if (!cluster.held()) {
      return "no scheduler looks after it now";
    }
    if (!load.hasSlot()) {
      return "all " + cluster.slots() + " slots are taken";
    }
    return null;
  }

  private static Refusal refuse(Work work, List<Load> loads) {
    Map<String, String> why = new LinkedHashMap<>();
    boolean platform = false;
    boolean available = false;
    for (Load load : loads) {
      ClusterView cluster = load.cluster;
      why.put(cluster.name(), String.valueOf(whyNot(work, load)));
      boolean asked = work.cluster() == null || work.cluster().equals(cluster.name());
      boolean builds = asked && cluster.platforms().contains(work.platform());
      platform |= builds;
      available |= builds && cluster.takesWork() && cluster.reachable() && cluster.held();
    }
    if (!platform) {
      return new Refusal(
          work,
          Wait.NO_CLUSTER_FOR_PLATFORM,
          (work.cluster() == null
                  ? "no registered cluster builds for " + work.platform()
                  : "cluster " + work.cluster() + " does not build for " + work.platform())
              + ": register one that does, or build for another platform",
          why);
    }
    return available
        ? new Refusal(
            work,
            Wait.NO_FREE_SLOT,
            "every slot that builds for " + work.platform() + " is taken",
            why)
        : new Refusal(
            work,
            Wait.NO_CLUSTER_AVAILABLE,
            "no cluster that builds for " + work.platform() + " takes work now",
            why);
  }
}
