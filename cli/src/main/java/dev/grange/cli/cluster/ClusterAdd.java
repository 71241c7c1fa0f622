package dev.grange.cli.cluster;

import com.fasterxml.jackson.core.JsonPointer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.grange.cli.farm.Api;
import dev.grange.cli.farm.ApiException;
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
import java.util.ArrayList;
import java.util.HashMap;
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

  /** By the field that each sets, as a JSON pointer. */
  private final Map<String, String> options = new HashMap<>();

  /** The options that were given and mean nothing to a local cluster. */
  private final List<String> forKubernetes = new ArrayList<>();

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
    JsonNode registered = register(api, body);
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

  private JsonNode register(Api api, ObjectNode body) {
    try {
      return api.put(
          "/clusters/" + Api.encode(name),
          body,
          createOnly ? Map.of("If-None-Match", "*") : Map.of());
    } catch (ApiException e) {
      if (e.errors().isEmpty()) {
        throw e;
      }
      StringBuilder wrong = new StringBuilder("Cluster " + name + " cannot be registered so:");
      for (JsonNode error : e.errors()) {
        String field = Json.text(error, "pointer").replaceFirst("^#", "");
        wrong
            .append("\n  ")
            .append(field.isEmpty() ? "" : named(field) + ": ")
            .append(Json.text(error, "detail"));
      }
      throw new CommandFailure(e.exitCode(), wrong.toString(), e);
    }
  }

  /**
   * The option that sets a field, or the one that it is in; the field too, if it may be a file's.
   */
  private String named(String field) {
    String name = field.substring(1);
    for (String at = field; !at.isEmpty(); at = at.substring(0, at.lastIndexOf('/'))) {
      String option = options.get(at);
      if (option != null) {
        return file == null ? option : name + " (" + option + ")";
      }
    }
    return name;
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
    put(body, "/kind", "--kind", kind);
    put(body, "/slots", "--slots", slots);
    put(body, "/weight", "--weight", weight);
    put(body, "/platforms", "--platform", platforms);
    put(body, "/labels", "--label", labels);
    put(body, "/config/server", "--server", server);
    put(body, "/config/ca_file", "--ca-file", path(caFile));
    options.put("/config/credential", "--kubeconfig or --cluster-token-file");
    put(body, "/config/credential/kubeconfig_file", "--kubeconfig", path(kubeconfig));
    put(body, "/config/credential/token_file", "--cluster-token-file", path(clusterTokenFile));
    put(body, "/config/credential/context", "--context", context);
    put(body, "/config/namespace", "--namespace", namespace);
    put(body, "/config/worker_image", "--worker-image", workerImage);
    put(body, "/config/memory_bytes", "--memory", memory);
    put(body, "/config/storage_bytes", "--storage", storage);
    put(body, "/config/proxy/http", "--http-proxy", httpProxy);
    put(body, "/config/proxy/https", "--https-proxy", httpsProxy);
    put(body, "/config/proxy/no", "--no-proxy", noProxy);
    put(body, "/config/ca_bundle_config_map", "--ca-bundle-config-map", caBundle);
    put(body, "/config/registries_conf_config_map", "--registries-conf-config-map", registriesConf);
    put(body, "/config/image_pull_secrets", "--image-pull-secret", pullSecrets);
    put(body, "/config/node_selector", "--node-selector", nodeSelector);
    put(body, "/config/trusted_input", "--trusted-input", trustedInput ? true : null);
    put(
        body,
        "/config/keep_failed_seconds",
        "--keep-failed",
        keepFailed == null ? null : keepFailed.toSeconds());
    if (Json.text(body, "kind").equals("local")) {
      if (!forKubernetes.isEmpty()) {
        throw new CommandFailure(
            ExitCode.USAGE,
            "A local cluster is the scheduler's own machine and is set up there. Leave out "
                + String.join(", ", forKubernetes)
                + ", or say --kind kubernetes.");
      }
      return body;
    }
    if (Json.text(object(body, JsonPointer.compile("/config")), "worker_image").isEmpty()) {
      put(
          body,
          "/config/worker_image",
          "--worker-image",
          surroundings.environment().get("GRANGE_WORKER_IMAGE"));
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

  /** Sets a field if its option was given; what is an object is added to what is there. */
  private void put(ObjectNode body, String field, String option, @Nullable Object value) {
    options.put(field, option);
    JsonNode node = Json.MAPPER.valueToTree(value);
    if (node.isNull() || (node.isContainerNode() && node.isEmpty())) {
      return;
    }
    if (field.startsWith("/config/")) {
      forKubernetes.add(option);
    }
    JsonPointer at = JsonPointer.compile(field);
    if (node instanceof ObjectNode more) {
      object(body, at).setAll(more);
    } else {
      object(body, at.head()).set(field.substring(field.lastIndexOf('/') + 1), node);
    }
  }

  /** An object in the body, made if it is none; what a file has instead is written over. */
  private static ObjectNode object(ObjectNode body, JsonPointer at) {
    return at.matches() ? body : body.withObject(at, JsonNode.OverwriteMode.ALL, false);
  }
}
