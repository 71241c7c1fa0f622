package dev.grange.cli.cluster;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.grange.cli.farm.Api;
import dev.grange.cli.farm.CommandFailure;
import dev.grange.cli.farm.ExitCode;
import dev.grange.cli.farm.FarmOptions;
import dev.grange.cli.farm.Json;
import dev.grange.cli.farm.Surroundings;
import dev.grange.cli.terminal.Durations;
import dev.grange.cli.terminal.Output;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "add",
    description = {
      "Register a cluster, or change what is registered; the same again changes nothing.",
      "Waits for the cluster's check and prints what it found: a new cluster takes work when that"
          + " has passed. Files are named, never sent: the scheduler reads them on its machine."
    })
final class ClusterAdd implements Callable<Integer> {

  private final Surroundings surroundings;

  @Parameters(paramLabel = "CLUSTER", description = "The cluster's name.")
  String name = "";

  @Option(
      names = {"-f", "--file"},
      paramLabel = "FILE",
      description =
          "The registration as JSON or YAML, as the API takes it; other options change it.")
  @Nullable Path file;

  @Option(names = "--kubeconfig", paramLabel = "FILE", description = "Server, CA and credential.")
  @Nullable Path kubeconfig;

  @Option(names = "--context", paramLabel = "NAME", description = "Of the kubeconfig.")
  @Nullable String context;

  @Option(
      names = "--server",
      paramLabel = "URL",
      description = "The API server, when there is no kubeconfig.")
  @Nullable String server;

  @Option(names = "--ca-file", paramLabel = "FILE", description = "Whom to trust for the server.")
  @Nullable Path caFile;

  @Option(
      names = "--cluster-token-file",
      paramLabel = "FILE",
      description = "File with the service account's token (--token-file is the farm's).")
  @Nullable Path clusterTokenFile;

  @Option(
      names = {"-n", "--namespace"},
      paramLabel = "NAME",
      description = "Where the workers run. Default: grange-builds.")
  @Nullable String namespace;

  @Option(
      names = "--worker-image",
      paramLabel = "IMAGE",
      description = "The worker's image. Default: $GRANGE_WORKER_IMAGE.")
  @Nullable String workerImage;

  @Option(names = "--kind", paramLabel = "KIND", description = "kubernetes (default) or local.")
  @Nullable String kind;

  @Option(names = "--slots", paramLabel = "N", description = "Attempts at once. Default: 4.")
  @Nullable Integer slots;

  @Option(names = "--weight", paramLabel = "N", description = "1 to 1000; default: 100.")
  @Nullable Integer weight;

  @Option(
      names = "--platform",
      paramLabel = "OS/ARCH",
      split = ",",
      description = "What it builds for; repeat, or separate by commas.")
  List<String> platforms = List.of();

  @Option(names = "--label", paramLabel = "K=V", description = "A label of the cluster; repeat.")
  Map<String, String> labels = new LinkedHashMap<>();

  @Option(names = "--http-proxy", paramLabel = "URL", description = "Proxy of the workers.")
  @Nullable String httpProxy;

  @Option(names = "--https-proxy", paramLabel = "URL", description = "Proxy of the workers.")
  @Nullable String httpsProxy;

  @Option(names = "--no-proxy", paramLabel = "HOSTS", description = "What needs no proxy.")
  @Nullable String noProxy;

  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      converter = Sizes.class,
      description = "Memory of each worker, such as 4Gi.")
  @Nullable Long memory;

  @Option(
      names = "--storage",
      paramLabel = "SIZE",
      converter = Sizes.class,
      description = "Storage of each worker, such as 20Gi.")
  @Nullable Long storage;

  @Option(
      names = "--ca-bundle-config-map",
      paramLabel = "NAME",
      description = "ConfigMap in the namespace with ca-bundle.crt for workers.")
  @Nullable String caBundle;

  @Option(
      names = "--registries-conf-config-map",
      paramLabel = "NAME",
      description = "ConfigMap in the namespace with registries.conf for workers.")
  @Nullable String registriesConf;

  @Option(
      names = "--image-pull-secret",
      paramLabel = "NAME",
      description = "Secret in the namespace for pulling; repeat.")
  List<String> pullSecrets = List.of();

  @Option(names = "--node-selector", paramLabel = "K=V", description = "Only such nodes; repeat.")
  Map<String, String> nodeSelector = new LinkedHashMap<>();

  @Option(
      names = "--trusted-input",
      description = "All that is built here is trusted: an old buildah may do.")
  boolean trustedInput;

  @Option(
      names = "--keep-failed",
      paramLabel = "TIME",
      converter = Durations.class,
      description = "How long a failed attempt's pod stays, such as 10m.")
  @Nullable Duration keepFailed;

  @Option(
      names = "--create-only",
      description = "Fail if there is a cluster of that name, instead of changing it.")
  boolean createOnly;

  @Option(names = "--nowait", description = "Do not wait for the check.")
  boolean nowait;

  @Option(
      names = "--wait-timeout",
      paramLabel = "TIME",
      converter = Durations.class,
      description = "Give up waiting after this time, with exit status 8. Default: 10m.")
  Duration limit = Duration.ofMinutes(10);

  @Mixin Output output = new Output();
  @Mixin FarmOptions farm = new FarmOptions();

  ClusterAdd(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public Integer call() throws InterruptedException {
    ObjectNode body = body();
    Api api = farm.connect(surroundings);
    JsonNode registered =
        api.put(
            "/clusters/" + Api.encode(name),
            body,
            createOnly ? Map.of("If-None-Match", "*") : Map.of());
    String outcome = Json.text(registered, "outcome");
    String request = Json.text(registered, "request_id");
    surroundings.err().println("Cluster " + name + ": " + outcome + ".");
    JsonNode cluster = registered.path("cluster");
    if (request.isEmpty() || nowait) {
      output.one(surroundings.out(), cluster, node -> Json.text(node, "name"), () -> {});
      return request.isEmpty() && ClusterText.failed(cluster)
          ? failedBefore(cluster)
          : ExitCode.OK.status();
    }
    return ClusterCheck.follow(api, surroundings, output, name, request, limit);
  }

  /** Nothing has changed, and the last check had found something. */
  private int failedBefore(JsonNode cluster) {
    if (output.form() == Output.Form.TABLE) {
      ClusterText.findings(cluster, surroundings.out());
    }
    return ClusterCheck.judge(surroundings, name, cluster);
  }

  private ObjectNode body() {
    ObjectNode body = file == null ? Json.object() : read(file);
    put(body, "kind", kind);
    put(body, "slots", slots);
    put(body, "weight", weight);
    array(body, "platforms", platforms);
    pairs(body, "labels", labels);
    if ("local".equals(Json.text(body, "kind"))) {
      return body;
    }
    ObjectNode config = object(body, "config");
    put(config, "server", server);
    put(config, "ca_file", path(caFile));
    if (kubeconfig != null || clusterTokenFile != null || context != null) {
      ObjectNode credential = object(config, "credential");
      put(credential, "kubeconfig_file", path(kubeconfig));
      put(credential, "token_file", path(clusterTokenFile));
      put(credential, "context", context);
    }
    put(config, "namespace", namespace);
    String image =
        workerImage == null ? surroundings.environment().get("GRANGE_WORKER_IMAGE") : workerImage;
    if (workerImage != null || Json.text(config, "worker_image").isEmpty()) {
      put(config, "worker_image", image);
    }
    put(config, "memory_bytes", memory);
    put(config, "storage_bytes", storage);
    if (httpProxy != null || httpsProxy != null || noProxy != null) {
      ObjectNode proxy = object(config, "proxy");
      put(proxy, "http", httpProxy);
      put(proxy, "https", httpsProxy);
      put(proxy, "no", noProxy);
    }
    put(config, "ca_bundle_config_map", caBundle);
    put(config, "registries_conf_config_map", registriesConf);
    array(config, "image_pull_secrets", pullSecrets);
    pairs(config, "node_selector", nodeSelector);
    if (trustedInput) {
      config.put("trusted_input", true);
    }
    if (keepFailed != null) {
      config.put("keep_failed_seconds", keepFailed.toSeconds());
    }
    return body;
  }

  private ObjectNode read(Path registration) {
    Path resolved = surroundings.directory().resolve(registration);
    try {
      JsonNode read = new ObjectMapper(new YAMLFactory()).readTree(Files.readString(resolved));
      if (read instanceof ObjectNode object) {
        return object;
      }
    } catch (IOException e) {
      throw new CommandFailure(
          ExitCode.USAGE, "%s cannot be read as JSON or YAML.".formatted(resolved), e);
    }
    throw new CommandFailure(
        ExitCode.USAGE, "%s is to be an object, as the API takes it.".formatted(resolved));
  }

  /** Absolute, because the scheduler reads it: its working directory is another. */
  private @Nullable String path(@Nullable Path named) {
    if (named == null) {
      return null;
    }
    Path absolute = surroundings.directory().resolve(named).toAbsolutePath().normalize();
    if (!Files.exists(absolute)) {
      surroundings
          .err()
          .println(
              "Note: %s is not on this machine; it has to be on the scheduler's."
                  .formatted(absolute));
    }
    return absolute.toString();
  }

  private static ObjectNode object(ObjectNode parent, String field) {
    return parent.path(field) instanceof ObjectNode there ? there : parent.putObject(field);
  }

  private static void put(ObjectNode node, String field, @Nullable Object value) {
    if (value != null) {
      node.set(field, Json.MAPPER.valueToTree(value));
    }
  }

  private static void array(ObjectNode node, String field, List<String> values) {
    if (!values.isEmpty()) {
      ArrayNode array = node.putArray(field);
      values.forEach(array::add);
    }
  }

  private static void pairs(ObjectNode node, String field, Map<String, String> values) {
    if (!values.isEmpty()) {
      ObjectNode object = object(node, field);
      values.forEach(object::put);
    }
  }
}
