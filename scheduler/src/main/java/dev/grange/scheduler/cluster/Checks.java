package dev.grange.scheduler.cluster;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.grange.scheduler.Loop;
import dev.grange.scheduler.Wakeups;
import dev.grange.scheduler.Wakeups.Chore;
import dev.grange.scheduler.cluster.ClusterReport.Finding;
import dev.grange.scheduler.cluster.ClusterReport.Status;
import dev.grange.scheduler.lease.Leases;
import dev.grange.store.Db;
import jakarta.enterprise.context.ApplicationScoped;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Answers requests to check a cluster. A check starts a pod and waits for it, so it runs outside of
 * any transaction, on the scheduler that holds the cluster's lease; the report and the answer are
 * then written in one. Dying in between costs nothing but another check: the request is still open.
 */
@ApplicationScoped
public class Checks {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Logger LOG = Logger.getLogger(Checks.class);
  private static final Duration IDLE = Duration.ofSeconds(30);
  private static final Duration WAITING = Duration.ofSeconds(1);

  /** So long a request waits for a scheduler that can look after its cluster. */
  private static final int PATIENCE_SECONDS = 45;

  private final Db db;
  private final Leases leases;
  private final Clusters clusters;
  private final Operations operations;
  private final Wakeups wakeups;
  private final Set<String> running = ConcurrentHashMap.newKeySet();
  private volatile Duration next = IDLE;
  private @Nullable Loop loop;

  Checks(Db db, Leases leases, Clusters clusters, Operations operations, Wakeups wakeups) {
    this.db = db;
    this.leases = leases;
    this.clusters = clusters;
    this.operations = operations;
    this.wakeups = wakeups;
  }

  public void start() {
    Loop checking = Loop.start("checks", () -> next, this::round);
    loop = checking;
    wakeups.register(Chore.CHECKS, checking::wake);
  }

  public void stop() {
    Loop checking = loop;
    if (checking != null) {
      checking.stop();
    }
  }

  /**
   * A request that is open.
   *
   * @param version of the cluster's registration; null when it is not there
   * @param old whether it has waited for long
   */
  private record Open(UUID id, String cluster, @Nullable Long version, boolean old) {}

  boolean round() throws SQLException {
    List<Open> open =
        db.list(
            """
            SELECT r.id, r.target, c.version, r.created_at < now() - make_interval(secs => ?) AS old
            FROM request r LEFT JOIN cluster c ON c.name = r.target AND c.removed_at IS NULL
            WHERE r.answer IS NULL AND r.command = 'check' ORDER BY r.created_at, r.id LIMIT 200
            """,
            row ->
                new Open(
                    Db.uuid(row, "id"),
                    row.getString("target"),
                    row.getObject("version", Long.class),
                    row.getBoolean("old")),
            (double) PATIENCE_SECONDS);
    next = open.isEmpty() ? IDLE : WAITING;
    if (open.isEmpty()) {
      return false;
    }
    // the gateway that is asked is to be one of the configuration as it is now
    clusters.refresh();
    for (Open request : open) {
      Long version = request.version();
      if (version == null) {
        answer(request.id(), false, "there is no cluster " + request.cluster());
      } else if (clusters.gateway(request.cluster()).isPresent()
          && leases.holds(Leases.ofCluster(request.cluster()))) {
        begin(
            request.cluster(),
            version,
            open.stream()
                .filter(other -> other.cluster().equals(request.cluster()))
                .map(Open::id)
                .toList());
      } else if (request.old() && !running.contains(request.cluster()) && nobodyHas(request)) {
        answer(
            request.id(),
            false,
            "no scheduler looks after cluster "
                + request.cluster()
                + ": is one running that can do its kind? Its log says why not");
      }
    }
    return false;
  }

  private boolean nobodyHas(Open request) throws SQLException {
    return db.first(
            "SELECT 1 FROM lease WHERE name = ? AND expires_at > clock_timestamp()",
            _ -> true,
            Leases.ofCluster(request.cluster()))
        .isEmpty();
  }

  private void answer(UUID request, boolean done, String text) throws SQLException {
    db.run(tx -> answer(tx, request, done, text));
  }

  private static void answer(Db.Tx tx, UUID request, boolean done, String text)
      throws SQLException {
    tx.update(
        """
        UPDATE request SET answer = ?, answer_text = ?, answered_at = now() WHERE id = ? AND answer IS NULL
        """,
        done ? "DONE" : "REFUSED",
        text,
        request);
  }

  /**
   * One check answers all requests that came before it began.
   *
   * @param version of the registration that the gateway has seen, or a later one
   */
  private void begin(String cluster, long version, List<UUID> requests) {
    ClusterGateway gateway = clusters.gateway(cluster).orElse(null);
    if (gateway == null || !running.add(cluster)) {
      return;
    }
    Thread.ofVirtual()
        .name("check-" + cluster)
        .start(
            () -> {
              try {
                finish(cluster, version, requests, look(cluster, gateway));
              } catch (SQLException e) {
                // the requests are open: the next round asks again
                LOG.warnf("cluster %s: its report was not written: %s", cluster, e.getMessage());
              } finally {
                running.remove(cluster);
              }
            });
  }

  private ClusterReport look(String cluster, ClusterGateway gateway) {
    List<Finding> soFar = new ArrayList<>();
    show(cluster, soFar);
    try {
      return gateway.check(
          finding -> {
            soFar.add(finding);
            show(cluster, soFar);
          });
    } catch (RuntimeException e) {
      LOG.errorf(e, "cluster %s: its check broke", cluster);
      return ClusterReport.of(
          List.of(
              new Finding(
                  "check",
                  Status.FAILED,
                  "the check itself broke: the scheduler's log says where")),
          Map.of());
    }
  }

  /** What was found until now, for those who wait for the rest. It says nothing of {@code ok}. */
  private void show(String cluster, List<Finding> soFar) {
    ObjectNode report = JSON.createObjectNode().put("checking", true);
    report.set("findings", json(soFar));
    try {
      int _ =
          db.update(
              "UPDATE cluster SET report = ?::jsonb, checked_at = coalesce(checked_at, now())"
                  + " WHERE name = ? AND removed_at IS NULL",
              report.toString(),
              cluster);
    } catch (SQLException e) {
      LOG.debugf("cluster %s: its findings are shown later: %s", cluster, e.getMessage());
    }
  }

  /**
   * Writes the report and answers, unless another configuration than was looked at is there now.
   */
  void finish(String name, long version, List<UUID> requests, ClusterReport report)
      throws SQLException {
    boolean active =
        db.call(
            tx -> {
              ClusterRow cluster = ClusterRow.lock(tx, name).orElse(null);
              boolean activated = false;
              if (cluster != null) {
                if (cluster.version() != version) {
                  // the requests are open: the next round looks again
                  return false;
                }
                tx.update(
                    "UPDATE cluster SET report = ?::jsonb, checked_at = now(), features = ?::jsonb"
                        + " WHERE name = ?",
                    json(report).toString(),
                    JSON.valueToTree(report.features()).toString(),
                    name);
                activated =
                    report.ok()
                        && cluster.desired().equals("CORDONED")
                        && cluster.desiredBy() == null;
                if (activated) {
                  operations.activate(tx, cluster, null, "its first check has passed");
                }
              }
              for (UUID request : requests) {
                answer(tx, request, true, sentence(name, report));
              }
              return activated;
            });
    LOG.infof("%s", sentence(name, report));
    if (active) {
      wakeups.changed(EnumSet.of(Chore.PLACEMENT, Chore.RELAY), List.of());
    }
  }

  private static String sentence(String cluster, ClusterReport report) {
    if (report.ok()) {
      return "cluster " + cluster + " can do what it should";
    }
    return "cluster "
        + cluster
        + " cannot take work: "
        + report.findings().stream()
            .filter(finding -> finding.status() == Status.FAILED)
            .map(finding -> finding.check() + ": " + finding.message())
            .collect(Collectors.joining("; "));
  }

  private static ObjectNode json(ClusterReport report) {
    ObjectNode node = JSON.createObjectNode().put("ok", report.ok());
    node.set("findings", json(report.findings()));
    return node;
  }

  private static ArrayNode json(List<Finding> findings) {
    ArrayNode nodes = JSON.createArrayNode();
    for (Finding finding : findings) {
      nodes
          .addObject()
          .put("check", finding.check())
          .put("status", finding.status().name())
          .put("message", finding.message());
    }
    return nodes;
  }
}
