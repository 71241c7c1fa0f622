package dev.grange.scheduler.cluster.kubernetes;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.grange.domain.worker.PodWait;
import dev.grange.scheduler.cluster.ClusterReport;
import dev.grange.scheduler.cluster.ClusterReport.Finding;
import dev.grange.scheduler.cluster.ClusterReport.Status;
import dev.grange.scheduler.cluster.PodRequest;
import io.fabric8.kubernetes.api.model.ContainerStateTerminated;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.authorization.v1.SelfSubjectAccessReview;
import io.fabric8.kubernetes.api.model.authorization.v1.SelfSubjectAccessReviewBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import javax.net.ssl.SSLException;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Looks whether a cluster can do what the farm needs of it, in the order in which one thing needs
 * the other, and says the next step for what is missing.
 */
final class ClusterCheck {
  private static final Logger LOG = Logger.getLogger(ClusterCheck.class);
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int PULL_SECONDS = 120;

  private static final int MORE_SECONDS = 20;

  /** What a kubelet says, in an event only, when its runtime cannot make what a pod asks for. */
  private static final String NO_SANDBOX = "FailedCreatePodSandBox";

  private record Right(String verb, String resource, String subresource) {
    @Override
    public String toString() {
      return verb + " " + resource + (subresource.isEmpty() ? "" : "/" + subresource);
    }
  }

  /** What the Role in deploy/cluster grants. */
  private static final List<Right> RIGHTS =
      List.of(
          new Right("create", "pods", ""),
          new Right("get", "pods", ""),
          new Right("list", "pods", ""),
          new Right("watch", "pods", ""),
          new Right("delete", "pods", ""),
          new Right("deletecollection", "pods", ""),
          new Right("get", "pods", "log"),
          new Right("create", "secrets", ""),
          new Right("list", "events", ""));

  private final String cluster;
  private final String farm;
  private final KubernetesConfig config;
  private final Credential credential;
  private final List<String> addresses;
  private final Consumer<Finding> listener;
  private final List<Finding> findings = new ArrayList<>();
  private final Map<String, String> features = new TreeMap<>();

  ClusterCheck(
      String cluster,
      String farm,
      KubernetesConfig config,
      Credential credential,
      List<String> addresses,
      Consumer<Finding> listener) {
    this.cluster = cluster;
    this.farm = farm;
    this.config = config;
    this.credential = credential;
    this.addresses = addresses;
    this.listener = listener;
  }

  ClusterReport run() {
    try (KubernetesClient client =
        new KubernetesClientBuilder().withConfig(credential.load()).build()) {
      found("credential", Status.OK, "the scheduler can read it");
      if (reach(client) && permissions(client) && namespace(client)) {
        probe(client);
      }
    } catch (IOException e) {
      found(
          "credential",
          Status.FAILED,
          e.getMessage() + "; put the file on the scheduler's machine, readable by its user");
    } catch (KubernetesClientException e) {
      found("reachable", Status.FAILED, KubernetesCluster.describe(e) + "; check again");
    }
    for (String check :
        List.of("reachable", "tls", "permissions", "namespace", "worker image", "worker")) {
      if (findings.stream().noneMatch(finding -> finding.check().equals(check))) {
        found(check, Status.NOT_DONE, "not looked at: mend what has failed first");
      }
    }
    return ClusterReport.of(findings, features);
  }

  private void found(String check, Status status, String message) {
    Finding finding = new Finding(check, status, message);
    findings.add(finding);
    listener.accept(finding);
  }

  private boolean reach(KubernetesClient client) {
    try {
      var version = client.getKubernetesVersion();
      found(
          "reachable",
          Status.OK,
          client.getMasterUrl() + " is Kubernetes " + version.getGitVersion());
      features.put("kubernetes", String.valueOf(version.getGitVersion()));
    } catch (KubernetesClientException e) {
      if (hasCause(e, SSLException.class)) {
        found("reachable", Status.OK, client.getMasterUrl() + " answers");
        found(
            "tls",
            Status.FAILED,
            KubernetesCluster.describe(e)
                + "; give the cluster the certificate of the authority that signed the API"
                + " server's (ca or ca_file), and a server name that is in it");
        return false;
      }
      if (e.getCode() == 401) {
        found(
            "reachable",
            Status.FAILED,
            "the API server does not know the credential (401): make a new token and put it into"
                + " the credential's file");
        return false;
      }
      if (e.getCode() != 403) {
        found(
            "reachable",
            Status.FAILED,
            client.getMasterUrl()
                + ": "
                + KubernetesCluster.describe(e)
                + "; look at the server's address, and at firewalls between the scheduler and it");
        return false;
      }
      found("reachable", Status.OK, client.getMasterUrl() + " answers");
    }
    boolean tls = client.getMasterUrl().getProtocol().equals("https");
    if (client.getConfiguration().isTrustCerts()) {
      found(
          "tls",
          Status.FAILED,
          "the kubeconfig says insecure-skip-tls-verify: give the certificate of the authority"
              + " instead");
      return false;
    }
    found(
        "tls",
        tls ? Status.OK : Status.WARNING,
        tls
            ? "its certificate is valid"
            : "it is spoken to without TLS: whoever listens has the token; use https");
    return true;
  }

  private static boolean hasCause(Throwable e, Class<? extends Throwable> type) {
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (type.isInstance(cause)) {
        return true;
      }
    }
    return false;
  }

  private boolean permissions(KubernetesClient client) {
    List<String> missing = new ArrayList<>();
    for (Right right : RIGHTS) {
      SelfSubjectAccessReview asked =
          new SelfSubjectAccessReviewBuilder()
              .withNewSpec()
              .withNewResourceAttributes()
              .withNamespace(config.namespace())
              .withVerb(right.verb())
              .withResource(right.resource())
              .withSubresource(right.subresource().isEmpty() ? null : right.subresource())
              .endResourceAttributes()
              .endSpec()
              .build();
      SelfSubjectAccessReview answer =
          client.authorization().v1().selfSubjectAccessReview().create(asked);
      if (!Boolean.TRUE.equals(answer.getStatus().getAllowed())) {
        missing.add(right.toString());
      }
    }
    found(
        "permissions",
        missing.isEmpty() ? Status.OK : Status.FAILED,
        missing.isEmpty()
            ? "it may do what it needs in namespace " + config.namespace()
            : "in namespace "
                + config.namespace()
                + " it may not "
                + String.join(", ", missing)
                + "; apply deploy/cluster/ to the cluster");
    return missing.isEmpty();
  }

  private boolean namespace(KubernetesClient client) {
    String name = config.namespace();
    try {
      Namespace namespace = client.namespaces().withName(name).get();
      if (namespace == null) {
        found(
            "namespace",
            Status.FAILED,
            "there is no namespace " + name + "; apply deploy/cluster/ to the cluster");
        return false;
      }
      if (namespace.getMetadata().getDeletionTimestamp() != null) {
        found(
            "namespace",
            Status.FAILED,
            "namespace " + name + " is being deleted; wait, then apply deploy/cluster/ again");
        return false;
      }
      Map<String, String> labels =
          Objects.requireNonNullElse(namespace.getMetadata().getLabels(), Map.of());
      String level = labels.get("pod-security.kubernetes.io/enforce");
      if ("restricted".equals(level)) {
        found(
            "namespace",
            Status.FAILED,
            "namespace "
                + name
                + " enforces Pod Security level restricted, which refuses every worker that can"
                + " build; label it pod-security.kubernetes.io/enforce=baseline");
        return false;
      }
      found(
          "namespace",
          "baseline".equals(level) ? Status.OK : Status.WARNING,
          "baseline".equals(level)
              ? "namespace " + name + " enforces Pod Security level baseline"
              : "namespace "
                  + name
                  + " enforces "
                  + (level == null ? "no Pod Security level" : "Pod Security level " + level)
                  + "; workers need no more than baseline: label it"
                  + " pod-security.kubernetes.io/enforce=baseline");
      return true;
    } catch (KubernetesClientException e) {
      if (e.getCode() != 403) {
        throw e;
      }
      found(
          "namespace",
          Status.WARNING,
          "its Pod Security level cannot be seen: the Role in deploy/cluster allows to get the"
              + " namespace");
      return true;
    }
  }

  /**
   * What one probe pod has shown.
   *
   * @param noSandbox whether its node said that it cannot make it
   */
  private record Probe(@Nullable JsonNode said, boolean pulled, boolean noSandbox, String problem) {
    Probe(@Nullable JsonNode said, boolean pulled, String problem) {
      this(said, pulled, false, problem);
    }
  }

  private void probe(KubernetesClient client) {
    Probe plain = probe(client, false, false, PULL_SECONDS);
    found(
        "worker image",
        plain.pulled() ? Status.OK : Status.FAILED,
        plain.pulled()
            ? config.workerImage() + " is there"
            : plain.problem()
                + "; is "
                + config.workerImage()
                + " right, and does the cluster have the pull secret for it (image_pull_secrets)?");
    JsonNode said = plain.said();
    if (said == null) {
      if (plain.pulled()) {
        found("worker", Status.FAILED, plain.problem() + "; is it the farm's worker image?");
      }
      return;
    }
    features.put("buildah", said.path("buildah").asText());
    features.put("skopeo", said.path("skopeo").asText());
    features.put("kernel", said.path("kernel").asText());
    features.put(PodRendering.DRIVER, said.path("driver").asText("vfs"));
    for (String feature : List.of("heredoc", "source_date_epoch", "overlay")) {
      features.put(feature, said.path("features").path(feature).asText("false"));
    }
    worker(said);
    reaches(said);
    if (findings.stream().anyMatch(finding -> finding.status() == Status.FAILED)) {
      return;
    }
    more(client);
  }

  private void worker(JsonNode said) {
    String buildah = said.path("buildah").asText();
    List<String> lacks = new ArrayList<>();
    if (!said.path("features").path("heredoc").asBoolean()) {
      lacks.add("here-documents in RUN");
    }
    if (!said.path("features").path("source_date_epoch").asBoolean()) {
      lacks.add("--source-date-epoch");
    }
    if (!said.path("features").path("run").asBoolean()) {
      found(
          "worker",
          Status.FAILED,
          "a RUN step does not work with a pod's rights: "
              + said.path("problem").asText("it did not say why")
              + "; does something forbid user namespaces (user.max_user_namespaces, a seccomp or"
              + " AppArmor profile)?");
    } else if (!said.path("new_enough").asBoolean() && !config.trustedInput()) {
      found(
          "worker",
          Status.FAILED,
          "its buildah "
              + buildah
              + " is older than "
              + said.path("minimum").asText()
              + "; make a newer worker image, or mark the cluster as trusted_input");
    } else if (!lacks.isEmpty()) {
      found(
          "worker",
          Status.WARNING,
          "its buildah "
              + buildah
              + " cannot do "
              + String.join(", ", lacks)
              + "; builds that use that fail: make a newer worker image");
    } else {
      found("worker", Status.OK, "a probe pod ran: buildah " + buildah + " builds with its rights");
    }
  }

  private void reaches(JsonNode said) {
    List<String> unreachable =
        addresses.stream().filter(a -> !said.path("reach").path(a).asBoolean()).toList();
    found(
        "registry",
        unreachable.isEmpty() ? Status.OK : Status.FAILED,
        unreachable.isEmpty()
            ? "a pod reaches " + String.join(", ", addresses)
            : "a pod does not reach "
                + String.join(", ", unreachable)
                + "; look at NetworkPolicies and firewalls, and at the registry's bind address"
                + " (GRANGE_REGISTRY_ADDRESS)");
  }

  /** What makes a worker's walls thicker, where the cluster can. */
  private void more(KubernetesClient client) {
    Probe users = probe(client, true, false, MORE_SECONDS);
    if (users.noSandbox()) {
      // a hiccup of the node's network looks the same, and must not cost workers their walls
      users = probe(client, true, false, MORE_SECONDS);
    }
    boolean userNamespaces =
        users.said() != null
            && users.said().path("features").path("run").asBoolean()
            && !users.said().path("features").path("host_users").asBoolean(true);
    Probe profile = probe(client, userNamespaces, true, MORE_SECONDS);
    boolean seccomp =
        profile.said() != null
            && profile.said().path("features").path("run").asBoolean()
            && profile.said().path("features").path("seccomp").asBoolean();
    features.put(PodRendering.USER_NAMESPACES, Boolean.toString(userNamespaces));
    features.put(PodRendering.SECCOMP, Boolean.toString(seccomp));
    List<String> can = new ArrayList<>();
    if (userNamespaces) {
      can.add("a user namespace of its own");
    }
    if (seccomp) {
      can.add("the runtime's seccomp profile");
    }
    found(
        "isolation",
        Status.OK,
        can.isEmpty()
            ? "pods have three capabilities and nothing more; neither user namespaces for pods nor"
                + " the runtime's seccomp profile work with builds here"
            : "pods have three capabilities, and " + String.join(" and ", can));
  }

  private Probe probe(
      KubernetesClient client, boolean userNamespace, boolean seccomp, int seconds) {
    String name =
        "grange-probe-"
            + Long.toString(System.nanoTime() & 0xffffffffL, 36)
            + (userNamespace ? "u" : "")
            + (seccomp ? "s" : "");
    // swept, by this, if nobody lives to remove it
    Map<String, String> labels = new LinkedHashMap<>();
    labels.put(PodRequest.FARM, farm);
    labels.put(PodRequest.KIND, PodRendering.PROBE);
    labels.put("grange.dev/cluster", cluster);
    Pod wanted =
        new PodRendering(config, Map.of()).probe(name, labels, addresses, userNamespace, seccomp);
    var pods = client.pods().inNamespace(config.namespace());
    try {
      Pod made = pods.resource(wanted).create();
      return watch(client, made, seconds);
    } catch (KubernetesClientException e) {
      return new Probe(null, true, "the probe pod was refused: " + KubernetesCluster.describe(e));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return new Probe(null, true, "interrupted");
    } finally {
      try {
        var _ = pods.withName(name).withGracePeriod(0).delete();
      } catch (KubernetesClientException e) {
        // it ends by its deadline, and is swept
        LOG.warnf("cluster %s: %s stays: %s", cluster, name, KubernetesCluster.describe(e));
      }
    }
  }

  private Probe watch(KubernetesClient client, Pod made, int seconds) throws InterruptedException {
    long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
    Pod pod = made;
    boolean begun = false;
    while (System.nanoTime() < until) {
      TimeUnit.MILLISECONDS.sleep(500);
      Pod now =
          client
              .pods()
              .inNamespace(config.namespace())
              .withName(made.getMetadata().getName())
              .get();
      if (now == null) {
        return new Probe(null, true, "somebody deleted the probe pod");
      }
      pod = now;
      begun |= PodReading.hasBegun(pod);
      if (PodReading.hasEnded(pod)) {
        return read(pod);
      }
      PodWait wait = PodReading.waiting(pod);
      if (wait.isAboutImage()) {
        return new Probe(
            null, false, wait.reason() + (wait.message() == null ? "" : ": " + wait.message()));
      }
      if (Boolean.FALSE.equals(made.getSpec().getHostUsers())
          && !begun
          && hasNoSandbox(client, pod)) {
        return new Probe(null, true, true, "its node cannot make the probe pod");
      }
    }
    PodWait wait = PodReading.waiting(pod);
    return new Probe(
        null,
        begun,
        begun
            ? "the probe pod did not end within " + seconds + " s"
            : "the probe pod did not begin within "
                + seconds
                + " s"
                + (wait.reason() == null ? "" : ": " + wait.reason())
                + (wait.message() == null ? "" : ": " + wait.message()));
  }

  private boolean hasNoSandbox(KubernetesClient client, Pod pod) {
    try {
      return !client
          .v1()
          .events()
          .inNamespace(config.namespace())
          .withField("involvedObject.uid", pod.getMetadata().getUid())
          .withField("reason", NO_SANDBOX)
          .list()
          .getItems()
          .isEmpty();
    } catch (KubernetesClientException e) {
      // without the right to see events it is waited for
      return false;
    }
  }

  private static Probe read(Pod pod) {
    ContainerStateTerminated ended = PodReading.terminated(pod);
    String message = ended == null ? null : ended.getMessage();
    try {
      JsonNode said = message == null ? null : JSON.readTree(message);
      if (said != null && said.hasNonNull("buildah")) {
        return new Probe(said, true, "");
      }
    } catch (JsonProcessingException e) {
      return new Probe(null, true, "the probe pod's answer cannot be read");
    }
    return new Probe(
        null,
        true,
        "the probe pod ended with "
            + (ended == null ? "no status" : ended.getExitCode() + " " + ended.getReason())
            + (message == null ? "" : ": " + message.strip()));
  }
}
