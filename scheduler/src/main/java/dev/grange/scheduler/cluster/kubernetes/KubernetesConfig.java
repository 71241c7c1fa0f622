package dev.grange.scheduler.cluster.kubernetes;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How a cluster is reached and what its pods get: the column {@code config} of a cluster of this
 * kind.
 *
 * @param server of the API; null when the kubeconfig says it
 * @param ca certificates in PEM that the API server's is checked with
 * @param kubeconfigFile on the scheduler's machine; alone it is enough
 * @param context of the kubeconfig; null for its current one
 * @param tokenFile a bearer token on the scheduler's machine
 * @param proxy {@code http}, {@code https} and {@code no}, for what workers fetch
 * @param caBundleConfigMap has {@code ca-bundle.crt}
 * @param registriesConfConfigMap has {@code registries.conf}
 * @param imagePullSecrets for the worker's image and for what builds pull
 * @param trustedInput whether an old buildah may be used
 * @param keepFailedSeconds how long a failed pod stays for people to look at
 */
record KubernetesConfig(
    @Nullable String server,
    @Nullable String ca,
    @Nullable Path caFile,
    @Nullable Path kubeconfigFile,
    @Nullable String context,
    @Nullable Path tokenFile,
    String namespace,
    String workerImage,
    long memoryBytes,
    long storageBytes,
    Map<String, String> proxy,
    @Nullable String caBundleConfigMap,
    @Nullable String registriesConfConfigMap,
    List<String> imagePullSecrets,
    boolean trustedInput,
    int keepFailedSeconds,
    Map<String, String> nodeSelector,
    List<Map<String, String>> tolerations) {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final long GIB = 1L << 30;

  /**
   * Reads a cluster's configuration.
   *
   * @throws IllegalArgumentException naming the field that is missing or wrong
   */
  static KubernetesConfig parse(String json) {
    JsonNode root;
    try {
      root = JSON.readTree(json);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("its config is not JSON", e);
    }
    JsonNode credential = root.path("credential");
    KubernetesConfig config =
        new KubernetesConfig(
            text(root, "server"),
            text(root, "ca"),
            path(root, "ca_file"),
            path(credential, "kubeconfig_file"),
            text(credential, "context"),
            path(credential, "token_file"),
            required(root, "namespace"),
            required(root, "worker_image"),
            root.path("memory_bytes").asLong(4 * GIB),
            root.path("storage_bytes").asLong(20 * GIB),
            texts(root.path("proxy")),
            text(root, "ca_bundle_config_map"),
            text(root, "registries_conf_config_map"),
            list(root.path("image_pull_secrets")),
            root.path("trusted_input").asBoolean(false),
            root.path("keep_failed_seconds").asInt(600),
            texts(root.path("node_selector")),
            tolerations(root.path("tolerations")));
    if (config.kubeconfigFile == null && config.server == null) {
      throw new IllegalArgumentException(
          "its config has neither credential.kubeconfig_file nor server: set one of them");
    }
    return config;
  }

  private static @Nullable String text(JsonNode node, String field) {
    String text = node.path(field).asText("");
    return text.isBlank() ? null : text;
  }

  private static String required(JsonNode node, String field) {
    String text = text(node, field);
    if (text == null) {
      throw new IllegalArgumentException("its config lacks " + field + ": set it");
    }
    return text;
  }

  private static @Nullable Path path(JsonNode node, String field) {
    String text = text(node, field);
    return text == null ? null : Path.of(text);
  }

  private static Map<String, String> texts(JsonNode node) {
    Map<String, String> texts = new LinkedHashMap<>();
    node.properties().forEach(entry -> texts.put(entry.getKey(), entry.getValue().asText()));
    return texts;
  }

  private static List<String> list(JsonNode node) {
    List<String> list = new ArrayList<>();
    node.forEach(item -> list.add(item.asText()));
    return list;
  }

  private static List<Map<String, String>> tolerations(JsonNode node) {
    List<Map<String, String>> list = new ArrayList<>();
    node.forEach(item -> list.add(texts(item)));
    return list;
  }
}
