package dev.grange.scheduler.cluster;

import dev.grange.scheduler.Uuids;
import dev.grange.scheduler.cluster.local.LocalCluster;
import dev.grange.scheduler.cluster.local.LocalConfig;
import dev.grange.scheduler.lease.Leases;
import dev.grange.store.Db;
import io.quarkus.runtime.ShutdownEvent;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Clock;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jboss.logging.Logger;

/** The registered clusters that this scheduler can look after, each with its gateway. */
@ApplicationScoped
public class Clusters {
  private static final Logger LOG = Logger.getLogger(Clusters.class);

  private final Db db;
  private final Leases leases;
  private final LocalConfig local;
  private final Uuids uuids;
  private final Clock clock;
  private final Map<String, ClusterGateway> gateways = new ConcurrentHashMap<>();
  private volatile Consumer<String> listener = _ -> {};

  Clusters(Db db, Leases leases, LocalConfig local, Uuids uuids, Clock clock) {
    this.db = db;
    this.leases = leases;
    this.local = local;
    this.uuids = uuids;
    this.clock = clock;
  }

  public Optional<ClusterGateway> gateway(String cluster) {
    return Optional.ofNullable(gateways.get(cluster));
  }

  /** Calls {@code listener} with the name of every pod that may have changed, on any cluster. */
  public void watch(Consumer<String> listener) {
    this.listener = listener;
    gateways.values().forEach(gateway -> gateway.watch(listener));
  }

  /**
   * Makes gateways for clusters that were registered since the last look, and asks for their
   * leases.
   */
  public void refresh() throws SQLException {
    record Registered(String name, String kind) {}
    List<Registered> registered =
        db.list(
            "SELECT name, kind FROM cluster ORDER BY name",
            row -> new Registered(row.getString("name"), row.getString("kind")));
    Set<String> ours = new HashSet<>();
    for (Registered cluster : registered) {
      if (!gateways.containsKey(cluster.name()) && cluster.kind().equals("local")) {
        makeLocal(cluster.name());
      }
      if (gateways.containsKey(cluster.name())) {
        ours.add(cluster.name());
      }
    }
    leases.want(ours);
    reachable(ours);
  }

  private void makeLocal(String cluster) {
    Optional<Path> directory = local.directory();
    Optional<Path> bin = local.workerBin();
    if (directory.isEmpty() || bin.isEmpty()) {
      return;
    }
    try {
      LocalCluster gateway =
          new LocalCluster(
              directory.get().resolve(cluster), bin.get(), () -> uuids.next().toString(), clock);
      gateway.watch(listener);
      gateways.put(cluster, gateway);
    } catch (IOException e) {
      LOG.errorf("cluster %s: cannot use %s: %s", cluster, directory.get(), e.getMessage());
    }
  }

  /** A folder on this machine is reachable. */
  private void reachable(Set<String> clusters) throws SQLException {
    int _ =
        db.update(
            """
            UPDATE cluster SET reachable = true, reachable_changed_at = now(), last_error = NULL
            WHERE name = ANY(?) AND kind = 'local' AND reachable IS NOT TRUE
            """,
            clusters);
  }

  void close(@Observes ShutdownEvent event) {
    for (ClusterGateway gateway : gateways.values()) {
      if (gateway instanceof LocalCluster cluster) {
        try {
          cluster.close();
        } catch (IOException e) {
          LOG.debugf("closing a cluster: %s", e.getMessage());
        }
      }
    }
  }
}
