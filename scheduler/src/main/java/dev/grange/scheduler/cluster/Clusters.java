package dev.grange.scheduler.cluster;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.grange.registry.Registry;
import dev.grange.scheduler.FarmConfig;
import dev.grange.scheduler.Registries;
import dev.grange.scheduler.Uuids;
import dev.grange.scheduler.cluster.kubernetes.KubernetesCluster;
import dev.grange.scheduler.cluster.local.LocalCluster;
import dev.grange.scheduler.cluster.local.LocalConfig;
import dev.grange.scheduler.lease.Leases;
import dev.grange.scheduler.token.RegistryTokens;
import dev.grange.store.Db;
import io.quarkus.runtime.ShutdownEvent;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Clock;
import java.util.ArrayList;
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
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Db db;
  private final Leases leases;
  private final Reachability reachability;
  private final LocalConfig local;
  private final Uuids uuids;
  private final Clock clock;
  private final Registries registries;
  private final RegistryTokens tokens;
  private final String farm;
  private final Map<String, ClusterGateway> gateways = new ConcurrentHashMap<>();

  /** What the gateways were made of. */
  private final Map<String, String> configs = new ConcurrentHashMap<>();

  /** Those that still have a gateway. */
  private Set<String> removed = Set.of();

  private volatile Consumer<String> listener = _ -> {};

  Clusters(
      Db db,
      Leases leases,
      LocalConfig local,
      Uuids uuids,
      Clock clock,
      Registries registries,
      RegistryTokens tokens,
      Reachability reachability,
      FarmConfig farm) {
    this.registries = registries;
    this.tokens = tokens;
    this.reachability = reachability;
    this.farm = farm.name();
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
   * One that is registered.
   *
   * @param tried whether errors are counted against it and it takes one attempt at a time
   */
  private record Registered(
      String name, String kind, String config, String features, boolean reachable, boolean tried) {}

  /**
   * Makes gateways for clusters that were registered or changed since the last look, and asks for
   * the leases of all that has one, and of nothing else. Those of clusters that were removed stay
   * until {@link #dropRemoved}.
   */
  public synchronized void refresh() throws SQLException {
    List<Registered> registered =
        db.list(
            """
            SELECT name, kind, config, features, coalesce(reachable, false) AS reachable,
              errors > 0 AND not_before <= now() AS tried
            FROM cluster WHERE removed_at IS NULL ORDER BY name
            """,
            row ->
                new Registered(
                    row.getString("name"),
                    row.getString("kind"),
                    row.getString("config"),
                    row.getString("features"),
                    row.getBoolean("reachable"),
                    row.getBoolean("tried")));
    Set<String> ours = new HashSet<>();
    for (Registered cluster : registered) {
      switch (cluster.kind()) {
        case "local" -> {
          if (!(gateways.get(cluster.name()) instanceof LocalCluster)) {
            drop(cluster.name());
            makeLocal(cluster.name());
          }
        }
        case "kubernetes" -> makeKubernetes(cluster);
        default -> LOG.debugf("cluster %s is of kind %s", cluster.name(), cluster.kind());
      }
      if (gateways.containsKey(cluster.name())) {
        ours.add(cluster.name());
      }
    }
    leases.want(gateways.keySet());
    removed = new HashSet<>(gateways.keySet());
    removed.removeAll(ours);
    reachable(ours);
    for (Registered cluster : registered) {
      // A scheduler that did not hold the lease has kept to itself what it saw. Errors that are not
      // its own are those of one that is gone; its own are made good by what works after them.
      if (gateways.get(cluster.name()) instanceof KubernetesCluster gateway
          && (cluster.reachable() ? cluster.tried() && gateway.isWell() : gateway.answers())
          && leases.holds(Leases.ofCluster(cluster.name()))) {
        reachability.reached(cluster.name());
      }
    }
  }

  /** Lets go of clusters that were removed before the last {@link #refresh}. */
  synchronized void dropRemoved() throws SQLException {
    for (String gone : removed) {
      drop(gone);
    }
    leases.want(gateways.keySet());
    removed = Set.of();
  }

  private void makeKubernetes(Registered cluster) {
    String name = cluster.name();
    if (gateways.containsKey(name) && cluster.config().equals(configs.get(name))) {
      return;
    }
    drop(name);
    try {
      KubernetesCluster gateway =
          new KubernetesCluster(
              name,
              cluster.config(),
              JSON.readValue(cluster.features(), new TypeReference<Map<String, String>>() {}),
              farm,
              clock,
              outside(name));
      gateway.watch(listener);
      gateways.put(name, gateway);
      configs.put(name, cluster.config());
    } catch (IOException | IllegalArgumentException e) {
      LOG.errorf("cluster %s cannot be used: %s", name, e.getMessage());
    }
  }

  private KubernetesCluster.Outside outside(String name) {
    return new KubernetesCluster.Outside() {
      @Override
      public void reached() {
        tell(() -> reachability.reached(name));
      }

      @Override
      public void failed(String why) {
        tell(() -> reachability.failed(name, why));
      }

      private void tell(Telling telling) {
        if (!leases.holds(Leases.ofCluster(name))) {
          return;
        }
        try {
          telling.tell();
        } catch (SQLException | RuntimeException e) {
          // whoever tells it must go on
          LOG.warnf("cluster %s: how it is was not written down: %s", name, e.getMessage());
        }
      }

      @Override
      public List<String> addresses() {
        try {
          Registry candidate = registries.candidate();
          List<String> addresses = new ArrayList<>(List.of(candidate.host()));
          tokens
              .credential(uuids.next(), candidate.url())
              .ifPresent(credential -> addresses.add(credential.tokenService()));
          return addresses;
        } catch (SQLException e) {
          LOG.warnf("cluster %s is checked without the registry: %s", name, e.getMessage());
          return List.of();
        }
      }
    };
  }

  @FunctionalInterface
  private interface Telling {
    void tell() throws SQLException;
  }

  private void drop(String name) {
    configs.remove(name);
    ClusterGateway gateway = gateways.remove(name);
    if (gateway != null) {
      close(gateway);
    }
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
    List<String> news =
        db.list(
            "SELECT name FROM cluster WHERE name = ANY(?) AND kind = 'local' AND reachable"
                + " IS NOT TRUE",
            row -> row.getString("name"),
            clusters);
    for (String cluster : news) {
      reachability.reached(cluster);
    }
  }

  void close(@Observes ShutdownEvent event) {
    gateways.values().forEach(Clusters::close);
  }

  private static void close(ClusterGateway gateway) {
    try {
      switch (gateway) {
        case LocalCluster cluster -> cluster.close();
        case KubernetesCluster cluster -> cluster.close();
        default -> LOG.debugf("%s has nothing to close", gateway);
      }
    } catch (IOException e) {
      LOG.debugf("closing a cluster: %s", e.getMessage());
    }
  }
}
