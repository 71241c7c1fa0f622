package dev.grange.scheduler.cluster;

import dev.grange.scheduler.lease.Leases;
import dev.grange.store.Db;
import jakarta.enterprise.context.ApplicationScoped;
import java.sql.SQLException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jboss.logging.Logger;

/**
 * Removes pods that no attempt needs any more: those that were kept for people, those left by a
 * scheduler that died between an attempt's end and its pod's, and those made by one that was
 * stopped past its lease and woke. A cluster that was taken out of the farm is let go of when it
 * has been swept: nobody looks after it then.
 */
@ApplicationScoped
public class Sweeper {
  private static final Logger LOG = Logger.getLogger(Sweeper.class);

  private final Db db;
  private final Leases leases;
  private final Clusters clusters;

  Sweeper(Db db, Leases leases, Clusters clusters) {
    this.db = db;
    this.leases = leases;
    this.clusters = clusters;
  }

  public void sweep() throws SQLException {
    for (String cluster : leases.clusters()) {
      ClusterGateway gateway = clusters.gateway(cluster).orElse(null);
      if (gateway == null) {
        continue;
      }
      try {
        sweep(cluster, gateway);
      } catch (ClusterException e) {
        LOG.warnf("cluster %s is swept later: %s", cluster, e.getMessage());
      }
    }
    clusters.dropRemoved();
  }

  void sweep(String cluster, ClusterGateway gateway) throws SQLException, ClusterException {
    // the pods first: a pod that is made after this look is not swept, whatever the database says
    // then
    List<String> pods = gateway.pods();
    if (pods.isEmpty()) {
      return;
    }
    Set<String> needed =
        new HashSet<>(
            db.list(
                """
                SELECT a.pod_name FROM attempt a JOIN cluster c ON c.name = a.cluster
                WHERE a.pod_name = ANY(?) AND (a.released_at IS NULL OR (a.pod_kept_until > now() AND c.removed_at IS NULL))
                """,
                row -> row.getString("pod_name"),
                pods));
    for (String pod : pods) {
      if (!needed.contains(pod)) {
        LOG.infof(
            "cluster %s: pod %s belongs to no attempt that runs and is removed", cluster, pod);
        try {
          gateway.discard(pod);
        } catch (ClusterException e) {
          // one that stays is no reason to leave the others
          LOG.warnf("cluster %s: pod %s is removed later: %s", cluster, pod, e.getMessage());
        }
      }
    }
  }
}
