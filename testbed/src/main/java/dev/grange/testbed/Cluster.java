package dev.grange.testbed;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;

/** A cluster under test, looked at as its administrator, and what can be done to it. */
public final class Cluster {
  /** A process of a cluster. */
  public enum Component {
    ETCD,
    APISERVER,
    KCM,
    SCHEDULER,
    CONTAINERD,
    KUBELET;

    private String word() {
      return name().toLowerCase(java.util.Locale.ROOT);
    }
  }

  /**
   * A call that the API server answered.
   *
   * @param user who called: {@code system:serviceaccount:NAMESPACE:NAME} for an account
   * @param agent the client's name of itself
   * @param verb get, list, watch, create, update, patch, delete
   * @param resource with its subresource: {@code pods/log}
   * @param name of the object; empty for a list
   * @param status of HTTP
   */
  public record Call(
      String user,
      String agent,
      String verb,
      String resource,
      String namespace,
      String name,
      int status) {
    /** Whether it changes something. */
    public boolean writes() {
      return !List.of("get", "list", "watch").contains(verb);
    }
  }

  private static final ObjectMapper JSON = new ObjectMapper();

  private final String name;
  private final Path kubeconfig;
  private final boolean own;
  private Path kubeconfigOfOthers;

  private Cluster(String name, Path kubeconfig, boolean own) {
    this.name = name;
    this.kubeconfig = kubeconfig;
    this.own = own;
    this.kubeconfigOfOthers = kubeconfig;
  }

  static Cluster ofTestbed(String name) {
    return new Cluster(name, Path.of(Testbed.testbed("kubeconfig", List.of(name)).strip()), true);
  }

  static Cluster given(String name, Path kubeconfig) {
    return new Cluster(name, kubeconfig, false);
  }

  /** Its name. */
  public String name() {
    return name;
  }

  /** The administrator's kubeconfig. */
  public Path kubeconfig() {
    return kubeconfig;
  }

  /**
   * The same with the address at which others than the tests are to reach it: that of the proxy,
   * once there is one.
   */
  public Path kubeconfigOfOthers() {
    return kubeconfigOfOthers;
  }

  // ── Looking

  /** What the API server answers; empty where there is no such thing. */
  public Optional<JsonNode> get(String path) {
    Command.Result result = call("GET", path);
    if (result.status() == 0) {
      return Optional.of(json(result.out()));
    }
    if (result.out().contains("\"code\":404") || result.out().contains("\"code\": 404")) {
      return Optional.empty();
    }
    throw new IllegalStateException("GET " + path + ": " + result);
  }

  /** The objects of a list. */
  public List<JsonNode> list(String path) {
    List<JsonNode> items = new ArrayList<>();
    get(path).orElseThrow().get("items").forEach(items::add);
    return items;
  }

  /** Creates an object, or the same again. */
  public void create(String path, JsonNode object) {
    Command.Result result = call("POST", path, object.toString());
    if (result.status() != 0) {
      throw new IllegalStateException("POST " + path + ": " + result);
    }
  }

  /** Deletes an object; one that is not there is fine. */
  public void delete(String path) {
    Command.Result _ = call("DELETE", path);
  }

  /** A pod that runs a shell in the small image that every cluster of the testbed has. */
  public ObjectNode shellPod(String pod, String script) {
    ObjectNode object = JSON.createObjectNode().put("apiVersion", "v1").put("kind", "Pod");
    object.putObject("metadata").put("name", pod);
    ObjectNode spec =
        object
            .putObject("spec")
            .put("restartPolicy", "Never")
            .put("automountServiceAccountToken", false)
            .put("terminationGracePeriodSeconds", 1);
    ObjectNode container =
        spec.putArray("containers")
            .addObject()
            .put("name", "shell")
            .put("image", "localhost/grange-testbed/pause:1")
            .put("imagePullPolicy", "Never");
    container.putArray("command").add("/bin/busybox").add("sh").add("-c").add(script);
    return object;
  }

  /** Whether its node is ready. */
  public boolean ready() {
    for (JsonNode node : list("/api/v1/nodes")) {
      for (JsonNode condition : node.at("/status/conditions")) {
        if (condition.path("type").asText().equals("Ready")) {
          return condition.path("status").asText().equals("True");
        }
      }
    }
    return false;
  }

  /** What a pod has written. */
  public String log(String namespace, String pod) {
    Command.Result result =
        call("GET", "/api/v1/namespaces/%s/pods/%s/log".formatted(namespace, pod));
    return result.status() == 0 ? result.out() : "";
  }

  // ── The audit log

  /** Calls of people and accounts since the cluster's start; the cluster's own are not in it. */
  public List<Call> calls(Predicate<Call> which) {
    List<Call> calls = new ArrayList<>();
    try {
      Path log = Path.of(testbed("audit").strip());
      for (String line : Files.readAllLines(log)) {
        JsonNode event = json(line);
        // A watch has a second event when it ends; a call is counted once.
        if (event.path("stage").asText().equals("ResponseStarted")) {
          continue;
        }
        JsonNode object = event.path("objectRef");
        String resource = object.path("resource").asText();
        String subresource = object.path("subresource").asText();
        Call call =
            new Call(
                event.at("/user/username").asText(),
                event.path("userAgent").asText(),
                event.path("verb").asText(),
                subresource.isEmpty() ? resource : resource + "/" + subresource,
                object.path("namespace").asText(),
                object.path("name").asText(),
                event.at("/responseStatus/code").asInt());
        if (which.test(call)) {
          calls.add(call);
        }
      }
      return calls;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  // ── Faults

  /** Cuts it off from this machine, silently: packets are lost in both directions. */
  public void partition() {
    testbed("partition");
  }

  /** Ends a partition. */
  public void heal() {
    testbed("heal");
  }

  /** Kills a process of it, as by {@code kill -9}. */
  public void kill(Component component) {
    testbed("kill", component.word());
  }

  /** Starts a process of it again, and waits until it answers. */
  public void start(Component component) {
    testbed("start", component.word());
  }

  /**
   * Says of its node what a node controller says of one that is silent, and takes its pods from it.
   * Of itself it does so only while some other node is in good health: where none is, it takes that
   * for its own trouble (Kubernetes, "Nodes", on the node controller). It takes it back when the
   * node is there again.
   */
  public void giveUpNode() {
    must("taint", "nodes", "--all", "--overwrite", "node.kubernetes.io/unreachable:NoExecute");
  }

  /** Evicts a pod as a drain does. */
  public void evict(String namespace, String pod) {
    testbed("evict", namespace, pod);
  }

  /** Cordons the node and evicts all that runs on it. */
  public void drain() {
    testbed("drain");
  }

  /** Takes the node back. */
  public void uncordon() {
    testbed("uncordon");
  }

  /** Puts a proxy before the API server and returns the kubeconfig that goes through it. */
  public Path proxied() {
    kubeconfigOfOthers = Path.of(testbed("proxy").strip());
    return kubeconfigOfOthers;
  }

  /** Delays what comes through the proxy, each way. */
  public void slow(int milliseconds) {
    testbed("slow", Integer.toString(milliseconds));
  }

  /** Closes the proxy's connections and takes no new ones. */
  public void cut() {
    testbed("cut");
  }

  /** Keeps the proxy's connections open and passes nothing on. */
  public void hang() {
    testbed("hang");
  }

  /** Passes on what is asked through the proxy, and no answers: it is done, and nobody hears it. */
  public void mute() {
    testbed("mute");
  }

  /** Undoes {@link #slow}, {@link #cut}, {@link #hang} and {@link #mute}. */
  public void mend() {
    testbed("mend");
  }

  /** Imports an image archive into its node. */
  public void load(Path archive) {
    testbed("load", archive.toString());
  }

  /** Lets its node pull from a registry that has no TLS. */
  public void trust(String registry) {
    testbed("trust", registry);
  }

  /** Runs a command inside, also during a partition, and returns how it ended. */
  public int exec(String... command) {
    List<String> line =
        new ArrayList<>(
            List.of(Testbed.root().resolve("testbed/grange-testbed").toString(), "exec", name));
    line.addAll(List.of(command));
    return Command.run(line, Map.of()).status();
  }

  private Command.Result call(String method, String path, String... body) {
    List<String> line = new ArrayList<>();
    if (own) {
      line.addAll(
          List.of(
              Testbed.root().resolve("testbed/grange-testbed").toString(),
              "api",
              name,
              method,
              path));
      line.addAll(List.of(body));
      return Command.run(line, Map.of());
    }
    String verb =
        switch (method) {
          case "POST" -> "create";
          case "DELETE" -> "delete";
          default -> "get";
        };
    line.addAll(List.of(verb, "--raw", path));
    if (body.length == 0) {
      return kubectl(line.toArray(String[]::new));
    }
    try {
      Path file = Files.createTempFile("testbed", ".json");
      try {
        Files.writeString(file, body[0]);
        line.addAll(List.of("-f", file.toString()));
        return kubectl(line.toArray(String[]::new));
      } finally {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Calls Kubernetes' own client as the administrator. */
  Command.Result kubectl(String... arguments) {
    List<String> line = new ArrayList<>(List.of("kubectl"));
    line.addAll(List.of(arguments));
    return Command.run(line, Map.of("KUBECONFIG", kubeconfig.toString()));
  }

  /** As {@link #kubectl}; it must end well. Returns what it said. */
  String must(String... arguments) {
    Command.Result result = kubectl(arguments);
    if (result.status() != 0) {
      throw new IllegalStateException(
          "kubectl %s: %s".formatted(String.join(" ", arguments), result));
    }
    return result.out();
  }

  private String testbed(String command, String... more) {
    if (!own) {
      throw new IllegalStateException(
          "'%s' can be done to clusters of the testbed only, and %s is a given one"
              .formatted(command, name));
    }
    List<String> arguments = new ArrayList<>(List.of(name));
    arguments.addAll(List.of(more));
    return Testbed.testbed(command, arguments);
  }

  private static JsonNode json(String text) {
    try {
      return JSON.readTree(text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public String toString() {
    return name;
  }
}
