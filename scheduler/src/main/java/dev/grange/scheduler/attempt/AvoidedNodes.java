package dev.grange.scheduler.attempt;

import dev.grange.domain.placement.NodeHealth.Avoided;
import dev.grange.store.Db;
import dev.grange.store.Nodes;
import jakarta.enterprise.context.ApplicationScoped;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.jboss.logging.Logger;

/** The nodes that a new pod is kept away from, told to the operator when that changes. */
@ApplicationScoped
class AvoidedNodes {
  private static final Logger LOG = Logger.getLogger(AvoidedNodes.class);

  /** A cluster that gets many pods at once is not judged anew for each. */
  private static final Duration FRESH = Duration.ofSeconds(10);

  private record Judged(Set<String> nodes, long at) {}

  private final Db db;
  private final Map<String, Judged> judged = new ConcurrentHashMap<>();

  AvoidedNodes(Db db) {
    this.db = db;
  }

  Set<String> avoided(String cluster) throws SQLException {
    Judged last = judged.get(cluster);
    if (last != null && System.nanoTime() - last.at() < FRESH.toNanos()) {
      return last.nodes();
    }
    List<Avoided> avoided = Nodes.avoided(db, List.of(cluster)).getOrDefault(cluster, List.of());
    Set<String> nodes = avoided.stream().map(Avoided::node).collect(Collectors.toSet());
    judged.put(cluster, new Judged(nodes, System.nanoTime()));
    for (Avoided node : avoided) {
      if (last == null || !last.nodes().contains(node.node())) {
        LOG.warnf(
            "cluster %s, node %s: its last %d attempts failed (%s) while others succeed; it gets no"
                + " work before %s: look at it, or drain it",
            cluster, node.node(), node.failures(), node.reason(), node.until());
      }
    }
    return nodes;
  }
}
