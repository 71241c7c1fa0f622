package dev.grange.domain.placement;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Which nodes of a cluster are to be left alone for a while: those whose last attempts all failed
 * for reasons that are the farm's, while others on other nodes succeed. When nothing succeeds
 * anywhere it is not the node, and none is avoided.
 */
public final class NodeHealth {
  /** Attempts in a row. */
  static final int FAILURES = 3;

  /** How far back it is looked, and so how long a node that gets nothing new stays avoided. */
  public static final Duration WINDOW = Duration.ofMinutes(30);

  private NodeHealth() {}

  /** How an attempt ended, as far as it says something of its node. */
  public enum End {
    GOOD,
    /** Fault INFRA, or the node was lost. */
    BAD
  }

  /**
   * An attempt that has ended.
   *
   * @param reason why, if it was bad
   */
  public record Past(String node, End end, String reason, Instant at) {}

  /**
   * A node to be avoided.
   *
   * @param failures in a row
   * @param reason of the last one
   * @param until when the first of the last {@link #FAILURES} is forgotten
   */
  public record Avoided(String node, int failures, String reason, Instant until) {}

  /**
   * Judges the nodes of one cluster.
   *
   * @param newestFirst what ended within {@link #WINDOW}
   */
  public static List<Avoided> avoided(List<Past> newestFirst) {
    Map<String, List<Past>> rows = new LinkedHashMap<>();
    Set<String> good = new LinkedHashSet<>();
    for (Past past : newestFirst) {
      List<Past> row = rows.computeIfAbsent(past.node(), _ -> new ArrayList<>());
      if (past.end() == End.GOOD) {
        good.add(past.node());
      } else if (!good.contains(past.node())) {
        row.add(past);
      }
    }
    List<Avoided> avoided = new ArrayList<>();
    rows.forEach(
        (node, row) -> {
          boolean elsewhere = good.stream().anyMatch(other -> !other.equals(node));
          if (elsewhere && row.size() >= FAILURES) {
            avoided.add(
                new Avoided(
                    node,
                    row.size(),
                    row.getFirst().reason(),
                    row.get(FAILURES - 1).at().plus(WINDOW)));
          }
        });
    return avoided;
  }
}
