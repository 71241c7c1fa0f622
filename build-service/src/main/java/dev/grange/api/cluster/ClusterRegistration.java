package dev.grange.api.cluster;

import java.util.List;
import java.util.SortedMap;
import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/** What {@code PUT /clusters/{name}} takes: for the API's document. */
@Schema(
    name = "ClusterRegistration",
    description =
        "All that is registered of a cluster: what is left out has its default. A field that is not"
            + " listed here is refused.")
record ClusterRegistration(
    @Schema(
            enumeration = {"kubernetes", "local"},
            defaultValue = "kubernetes")
        String kind,
    @Schema(description = "Attempts at once.", minimum = "0", maximum = "10000", defaultValue = "4")
        int slots,
    @Schema(
            description = "Default: the farm's own platform.",
            examples = "[\"linux/amd64\"]",
            minItems = 1,
            maxItems = 16)
        List<String> platforms,
    @Schema(minimum = "1", maximum = "1000", defaultValue = "100") int weight,
    @Schema(
            type = SchemaType.OBJECT,
            additionalProperties = String.class,
            description = "For people and for placement.",
            defaultValue = "{}")
        SortedMap<String, String> labels,
    @Schema(nullable = true, description = "Of the kind kubernetes.") @Nullable Config config) {

  /** How a Kubernetes cluster is reached, and what its pods get. */
  @Schema(
      name = "KubernetesConfig",
      description =
          "How a Kubernetes cluster is reached, and what its pods get. Files are files of the"
              + " scheduler's machine; only the scheduler reads them, and again when they change.",
      requiredProperties = {"credential", "worker_image"})
  record Config(
      @Schema(
              description = "https://host:port; not needed with a kubeconfig_file.",
              examples = "https://api.east.example.com:6443")
          String server,
      @Schema(description = "Certificates that the API server's is signed by, in PEM.") String ca,
      @Schema(description = "The same in a file.") String caFile,
      Credential credential,
      @Schema(defaultValue = "grange-builds") String namespace,
      @Schema(
              description =
                  "The worker's image in a registry that the nodes reach, best by digest.",
              examples = "registry.example.com/grange/worker:1")
          String workerImage,
      @Schema(description = "Request and limit of each worker.") Long memoryBytes,
      @Schema(description = "Request and limit of each worker's storage.") Long storageBytes,
      Proxy proxy,
      @Schema(description = "With the key ca-bundle.crt; in the namespace.")
          String caBundleConfigMap,
      @Schema(description = "With the key registries.conf; in the namespace.")
          String registriesConfConfigMap,
      @Schema(description = "Names of Secrets in the namespace.") List<String> imagePullSecrets,
      @Schema(
              description =
                  "Everything that is built here is trusted: workers below the safe version of"
                      + " buildah run too.",
              defaultValue = "false")
          boolean trustedInput,
      @Schema(
              description = "How long the pod of a failed attempt stays.",
              minimum = "0",
              maximum = "604800",
              defaultValue = "600")
          int keepFailedSeconds,
      @Schema(type = SchemaType.OBJECT, additionalProperties = String.class)
          SortedMap<String, String> nodeSelector,
      List<Toleration> tolerations) {}

  /** A credential by reference. */
  @Schema(
      name = "ClusterCredential",
      description = "One of kubeconfig_file and token_file. Never the secret itself.")
  record Credential(
      @Schema(examples = "/etc/grange/clusters/east.kubeconfig") String kubeconfigFile,
      @Schema(description = "Of the kubeconfig_file; its current one by default.") String context,
      @Schema(examples = "/etc/grange/clusters/east.token") String tokenFile) {}

  /** The proxies of workers. */
  @Schema(name = "ClusterProxy")
  record Proxy(
      @Schema(examples = "http://proxy.example.com:3128") String http,
      String https,
      @Schema(description = "Hosts and networks that need none, between commas.") String no) {}

  /** What workers tolerate. */
  @Schema(name = "ClusterToleration")
  record Toleration(
      String key,
      @Schema(enumeration = {"Exists", "Equal"}) String operator,
      String value,
      @Schema(enumeration = {"NoSchedule", "PreferNoSchedule", "NoExecute"}) String effect,
      @Schema(
              description =
                  "With NoExecute: how long. For node.kubernetes.io/unreachable and not-ready it is"
                      + " 60 unless it is said here: so long a node may be silent before what runs"
                      + " on it is moved.",
              minimum = "0",
              maximum = "86400")
          Integer tolerationSeconds) {}

  /** What {@code cordon}, {@code drain} and {@code uncordon} take. */
  @Schema(name = "ClusterCommand", description = "The body may be left out.")
  record Command(
      @Schema(description = "Why: others see it.", maxLength = 1000) String note,
      @Schema(
              description = "cordon and drain: it takes work again by itself after so long.",
              minimum = "1",
              maximum = "2592000")
          Integer resumeAfterSeconds,
      @Schema(
              description =
                  "drain: what still runs after so long is interrupted and moved. Without it all"
                      + " may run to its end.",
              minimum = "1",
              maximum = "2592000")
          Integer timeoutSeconds,
      @Schema(description = "drain: what runs is interrupted and moved at once.") boolean now) {}
}
