package dev.grange.domain.placement;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Decides which waiting work goes to which cluster. A pure function from a snapshot: no clock, no
 * randomness, no memory of the last round.
 *
 * <p>Tests go before builds. Among projects the one goes next that has least for its weight of what
 * runs for the platform; within a project priority decides, then age. Each piece goes to the
 * cluster with the least load for its weight; one that had the same image lately wins when that
 * costs nobody a slot.
 */
public final class Placement {
  private Placement() {}

  /** Work that gets a slot now. */
  public record Assignment(Work work, Lane lane, String cluster) {}

  /** Why nothing was found. */
  public enum Wait {
    /** No registered cluster builds for this platform. */
    NO_CLUSTER_FOR_PLATFORM(
        "NoClusterForPlatform",
        "a cluster that is registered for the platform, or a build for another one"),
    /** Some build for the platform, and none has the labels that are asked for. */
    NO_CLUSTER_WITH_LABELS(
        "NoClusterWithLabels", "a cluster with these labels, or a build that asks for fewer"),
    /** There are such clusters, and none takes work now. */
    NO_CLUSTER_AVAILABLE(
        "NoClusterAvailable", "one of these clusters that takes work again, or one more that does"),
    /** All slots are taken. */
    NO_FREE_SLOT("NoFreeSlot", "builds that end, more slots, or a higher priority in its project"),
    /** There are free slots, on clusters that begin no more in this moment. */
    PACED("Paced", "a moment: these clusters begin so many builds at once and no more");

    private final String code;
    private final String remedy;

    Wait(String code, String remedy) {
      this.code = code;
      this.remedy = remedy;
    }

    public String code() {
      return code;
    }

    /** What would change it. */
    public String remedy() {
      return remedy;
    }

    /** The wait that has this code; null when none has. */
    public static @Nullable Wait ofCode(String code) {
      for (Wait wait : values()) {
        if (wait.code.equals(code)) {
          return wait;
        }
      }
      return null;
    }
  }

  /**
   * Why what is left of a lane waits. The texts change only when the reason does: they are stored.
   *
   * @param clusters for each cluster, a few words
   */
  public record Refusal(Lane lane, Wait why, String message, Map<String, String> clusters) {}

  public record Plan(List<Assignment> assignments, List<Refusal> refusals) {}

  /** What a project has of a platform. */
  public record Share(String project, String platform) {}

  /**
   * What is placed by.
   *
   * @param queues one for each lane in which something waits
   * @param clusters in an order that does not change
   * @param running attempts that hold a slot, by project and platform
   * @param weights of projects; 100 where it is not said
   * @param most work to be placed at once
   */
  public record Snapshot(
      List<Queue> queues,
      List<ClusterView> clusters,
      Map<Share, Integer> running,
      Map<String, Integer> weights,
      int most) {}

  private static final int WEIGHT = 100;

  private static final class Load {
    final ClusterView cluster;
    int used;
    int starts;

    Load(ClusterView cluster) {
      this.cluster = cluster;
      this.used = cluster.used();
      this.starts = cluster.starts();
    }

    /** Attempts for each slot and weight after one more; the unit does not matter. */
    double loadWithOneMore(boolean warm) {
      // Half a slot: enough to win a tie, too little to outweigh one attempt.
      return (used + (warm ? 0.5 : 1)) / ((double) cluster.slots() * cluster.weight());
    }
  }

  private static final class Line {
    final Queue queue;
    int next;
    boolean overdue;

    Line(Queue queue) {
      this.queue = queue;
      this.overdue = queue.overdue();
    }

    Work head() {
      return queue.heads().get(next);
    }

    boolean isEmpty() {
      return next == queue.heads().size();
    }
  }

  /** What a project has waiting for a platform, and what it has of it. */
  private static final class Claim {
    final List<Line> lines = new ArrayList<>();
    final int weight;
    int running;
    long served = Long.MIN_VALUE;

    Claim(int running, int weight) {
      this.running = running;
      this.weight = weight;
    }

    void add(Queue queue) {
      lines.add(new Line(queue));
      Instant at = queue.served();
      if (at != null) {
        served = Math.max(served, at.toEpochMilli());
      }
    }

    /** What it would have for its weight with one more. */
    double share() {
      return (running + 1.0) / weight;
    }

    Line first() {
      return Collections.min(lines, TURN);
    }
  }

  /** Order within a project. */
  private static final Comparator<Line> TURN =
      Comparator.comparing(
          Line::head,
          Comparator.comparingInt((Work w) -> -w.priority())
              .thenComparing(Work::since)
              .thenComparing(Work::id));

  /**
   * Order between projects. On a farm of few slots all have nothing most of the time: then the one
   * goes first that was served longest ago.
   */
  private static final Comparator<Claim> FAIR =
      Comparator.comparingDouble(Claim::share)
          .thenComparingLong(claim -> claim.served)
          .thenComparing(claim -> claim.first().head().since())
          .thenComparing(claim -> claim.first().head().id());

  /** Places what can be placed and says of the rest why not. */
  public static Plan plan(Snapshot snapshot) {
    List<Load> loads = snapshot.clusters().stream().map(Load::new).toList();
    List<Assignment> assignments = new ArrayList<>();
    List<Refusal> refusals = new ArrayList<>();
    Map<Share, Integer> running = new HashMap<>(snapshot.running());
    for (boolean tests : new boolean[] {true, false}) {
      List<Claim> claims = claims(snapshot, tests, running, loads, refusals);
      long round = 0;
      while (!claims.isEmpty() && assignments.size() < snapshot.most()) {
        Line line = overdue(claims);
        Claim claim = line == null ? Collections.min(claims, FAIR) : owner(claims, line);
        line = line == null ? claim.first() : line;
        Lane lane = line.queue.lane();
        Work work = line.head();
        Load best = best(lane, work, loads);
        if (best == null) {
          // what one of a lane cannot have, none of it can
          refusals.add(refuse(lane, loads));
          claim.lines.remove(line);
        } else {
          best.used++;
          best.starts--;
          claim.running++;
          claim.served = Long.MAX_VALUE / 2 + round++;
          running.put(new Share(lane.project(), lane.platform()), claim.running);
          assignments.add(new Assignment(work, lane, best.cluster.name()));
          line.next++;
          line.overdue = false;
          if (line.isEmpty()) {
            claim.lines.remove(line);
          }
        }
        if (claim.lines.isEmpty()) {
          claims.remove(claim);
        }
      }
    }
    return new Plan(assignments, refusals);
  }

  private static List<Claim> claims(
      Snapshot snapshot,
      boolean tests,
      Map<Share, Integer> running,
      List<Load> loads,
      List<Refusal> refusals) {
    Map<Share, Claim> claims = new LinkedHashMap<>();
    for (Queue queue : snapshot.queues()) {
      Lane lane = queue.lane();
      if (lane.test() != tests) {
        continue;
      }
      if (queue.heads().isEmpty()) {
        // nobody looked for heads because there was no room for the lane
        refusals.add(refuse(lane, loads));
      } else {
        Share share = new Share(lane.project(), lane.platform());
        claims
            .computeIfAbsent(
                share,
                _ ->
                    new Claim(
                        running.getOrDefault(share, 0),
                        snapshot.weights().getOrDefault(lane.project(), WEIGHT)))
            .add(queue);
      }
    }
    return new ArrayList<>(claims.values());
  }

  /** The lane that has waited longest of those that wait for too long; null when there is none. */
  private static @Nullable Line overdue(List<Claim> claims) {
    return claims.stream()
        .flatMap(claim -> claim.lines.stream())
        .filter(line -> line.overdue)
        .min(Comparator.comparing((Line line) -> line.head().since()).thenComparing(TURN))
        .orElse(null);
  }

  private static Claim owner(List<Claim> claims, Line line) {
    return claims.stream().filter(claim -> claim.lines.contains(line)).findFirst().orElseThrow();
  }

  private static @Nullable Load best(Lane lane, Work work, List<Load> loads) {
    Load best = null;
    for (Load load : loads) {
      if (whyNot(lane, load) == null && (best == null || better(work, load, best))) {
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
    return one.loadWithOneMore(work.warm().contains(one.cluster.name()))
        < other.loadWithOneMore(work.warm().contains(other.cluster.name()));
  }

  private static @Nullable String whyNot(Lane lane, Load load) {
    ClusterView cluster = load.cluster;
    String mismatch = cluster.mismatch(lane);
    if (mismatch != null) {
      return mismatch;
    }
    if (cluster.closed() != null) {
      return cluster.closed();
    }
    if (load.used >= cluster.slots()) {
      return "all " + cluster.slots() + " slots are taken";
    }
    if (load.starts <= 0) {
      return switch (cluster.pace()) {
        case RATE -> "begins no more builds at once than it does now";
        case TRIAL -> "erred; one build tries whether it works again";
      };
    }
    return null;
  }

  private static Refusal refuse(Lane lane, List<Load> loads) {
    Map<String, String> why = new LinkedHashMap<>();
    boolean platform = false;
    boolean matches = false;
    boolean open = false;
    boolean free = false;
    for (Load load : loads) {
      ClusterView cluster = load.cluster;
      String not = whyNot(lane, load);
      why.put(cluster.name(), not == null ? "could take it" : not);
      boolean asked = lane.cluster() == null || lane.cluster().equals(cluster.name());
      platform |= asked && cluster.platforms().contains(lane.platform());
      boolean may = cluster.mismatch(lane) == null;
      matches |= may;
      open |= may && cluster.closed() == null;
      free |= may && cluster.closed() == null && load.used < cluster.slots();
    }
    if (!platform) {
      return new Refusal(
          lane,
          Wait.NO_CLUSTER_FOR_PLATFORM,
          (lane.cluster() == null
                  ? "no registered cluster builds for " + lane.platform()
                  : "cluster " + lane.cluster() + " does not build for " + lane.platform())
              + ": register one that does, or build for another platform",
          why);
    }
    if (!matches) {
      return new Refusal(
          lane,
          Wait.NO_CLUSTER_WITH_LABELS,
          "no registered cluster is what the build asks for: " + lane.wants(),
          why);
    }
    if (!open) {
      return new Refusal(
          lane,
          Wait.NO_CLUSTER_AVAILABLE,
          "no cluster that builds for " + lane.wants() + " takes work now",
          why);
    }
    return free
        ? new Refusal(
            lane,
            Wait.PACED,
            "the clusters with a free slot for " + lane.wants() + " begin no more at the moment",
            why)
        : new Refusal(
            lane,
            Wait.NO_FREE_SLOT,
            "every slot that builds for " + lane.wants() + " is taken",
            why);
  }
}
