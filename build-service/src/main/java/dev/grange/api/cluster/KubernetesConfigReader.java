package dev.grange.api.cluster;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.grange.api.body.Fields;
import dev.grange.api.problem.ProblemType;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Validates what is said of a Kubernetes cluster. Credentials come by reference only: a secret in
 * the body would lie in the database, in backups, and in every request's audit trail.
 */
final class KubernetesConfigReader {
  private static final ProblemType INVALID = ProblemType.INVALID_FIELD;
  private static final Pattern NAME = Pattern.compile("[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?");
  private static final Pattern NAMESPACE = Pattern.compile("[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?");
  private static final Pattern LABEL_VALUE =
      Pattern.compile("(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?");
  private static final Pattern LABEL_KEY =
      Pattern.compile(
          "(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?");
  private static final Pattern IMAGE =
      Pattern.compile(
          "[a-zA-Z0-9.-]+(?::[0-9]+)?(?:/[a-z0-9._-]+)+(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(?:@sha256:[0-9a-f]{64})?");
  private static final long GIB = 1L << 30;
  private static final int MAX_PATH = 4096;
  private static final int MAX_PEM = 256 * 1024;

  /** What people paste from a kubeconfig or a Secret. */
  private static final Set<String> SECRETS =
      Set.of(
          "token",
          "bearer_token",
          "password",
          "kubeconfig",
          "key",
          "client_key",
          "client_key_data",
          "client-key-data",
          "client_certificate",
          "client_certificate_data",
          "client-certificate-data",
          "auth",
          "secret");

  private KubernetesConfigReader() {}

  /**
   * Reads {@code config}; what is wrong is said to the fields.
   *
   * @param credentials the folder that credentials have to be in
   * @return what is stored: exactly what was given, with the namespace
   */
  static ObjectNode read(Fields config, Optional<Path> credentials) {
    ObjectNode read = JsonNodeFactory.instance.objectNode();
    refuseSecrets(config);
    text(config, read, "server", KubernetesConfigReader::wrongWithServer);
    text(config, read, "ca", KubernetesConfigReader::wrongWithCertificates);
    text(config, read, "ca_file", KubernetesConfigReader::wrongWithPath);
    if (read.has("ca") && read.has("ca_file")) {
      config.wrong(INVALID, "/ca_file", "Give \"ca\" or \"ca_file\", not both.");
    }
    credential(config, read, credentials);
    String namespace =
        config.text("namespace", INVALID, KubernetesConfigReader::wrongWithNamespace);
    read.put("namespace", namespace == null ? "grange-builds" : namespace);
    String image = config.text("worker_image", INVALID, KubernetesConfigReader::wrongWithImage);
    if (image != null) {
      read.put("worker_image", image);
    } else if (!config.has("worker_image")) {
      config.wrong(
          INVALID,
          "/worker_image",
          "\"worker_image\" is missing: the pullspec of the worker's image in a registry that the"
              + " cluster's nodes reach, best by digest.");
    }
    bytes(config, read, "memory_bytes", GIB / 4, 1024 * GIB);
    bytes(config, read, "storage_bytes", GIB, 64 * 1024 * GIB);
    proxy(config, read);
    text(config, read, "ca_bundle_config_map", KubernetesConfigReader::wrongWithName);
    text(config, read, "registries_conf_config_map", KubernetesConfigReader::wrongWithName);
    if (config.has("image_pull_secrets")) {
      ArrayNode names = read.putArray("image_pull_secrets");
      config
          .texts(
              "image_pull_secrets",
              List.of(),
              0,
              20,
              INVALID,
              KubernetesConfigReader::wrongWithName)
          .forEach(names::add);
    }
    if (config.bool("trusted_input")) {
      read.put("trusted_input", true);
    }
    if (config.has("keep_failed_seconds")) {
      read.put("keep_failed_seconds", config.integer("keep_failed_seconds", 600, 0, 7 * 24 * 3600));
    }
    Map<String, String> selector =
        config.map(
            "node_selector",
            50,
            KubernetesConfigReader::wrongWithLabelKey,
            KubernetesConfigReader::wrongWithLabelValue);
    if (!selector.isEmpty()) {
      ObjectNode node = read.putObject("node_selector");
      selector.forEach(node::put);
    }
    tolerations(config, read);
    return read;
  }

  private static void refuseSecrets(Fields fields) {
    for (String name : fields.names()) {
      if (SECRETS.contains(name) && fields.has(name)) {
        fields.wrong(
            INVALID,
            "/" + name,
            "Secrets are not taken here. Write it to a file on the scheduler's machine that only"
                + " the scheduler's user can read, and name that file: \"credential\":"
                + " {\"token_file\": \"/path\"} or {\"kubeconfig_file\": \"/path\"}.");
      }
    }
  }

  private static void credential(Fields config, ObjectNode read, Optional<Path> credentials) {
    Fields credential = config.object("credential").orElse(null);
    if (credential == null) {
      if (!config.has("credential")) {
        config.wrong(
            INVALID,
            "/credential",
            "\"credential\" is missing: {\"kubeconfig_file\": \"/path\"} or {\"token_file\":"
                + " \"/path\"}, a file on the scheduler's machine.");
      }
      return;
    }
    refuseSecrets(credential);
    ObjectNode node = read.putObject("credential");
    Function<String, @Nullable String> check =
        text -> {
          String wrong = wrongWithPath(text);
          return wrong != null
                  || credentials.isEmpty()
                  || Path.of(text).normalize().startsWith(credentials.get())
              ? wrong
              : "This farm's credentials of clusters are all in " + credentials.get() + ".";
        };
    text(credential, node, "kubeconfig_file", check);
    text(credential, node, "token_file", check);
    text(credential, node, "context", KubernetesConfigReader::wrongWithContext);
    boolean kubeconfig = credential.has("kubeconfig_file");
    if (kubeconfig == credential.has("token_file")) {
      credential.wrong(
          INVALID, "", "Give one of \"kubeconfig_file\" and \"token_file\", and only one.");
    }
    if (!kubeconfig && credential.has("context")) {
      credential.wrong(INVALID, "/context", "A context belongs to a \"kubeconfig_file\".");
    }
    if (!kubeconfig && credential.has("token_file") && !config.has("server")) {
      config.wrong(
          INVALID,
          "/server",
          "\"server\" is missing: with a token file the API server's address has to be said, as"
              + " https://host:port.");
    }
  }

  private static void proxy(Fields config, ObjectNode read) {
    config
        .object("proxy")
        .ifPresent(
            proxy -> {
              ObjectNode node = read.putObject("proxy");
              text(proxy, node, "http", KubernetesConfigReader::wrongWithProxy);
              text(proxy, node, "https", KubernetesConfigReader::wrongWithProxy);
              text(
                  proxy,
                  node,
                  "no",
                  text ->
                      text.length() > 4096 || text.chars().anyMatch(c -> c < ' ')
                          ? "This is a list of hosts and networks between commas."
                          : null);
            });
  }

  private static void tolerations(Fields config, ObjectNode read) {
    List<Fields> tolerations = config.objects("tolerations", 50);
    if (tolerations.isEmpty()) {
      return;
    }
    ArrayNode all = read.putArray("tolerations");
    for (Fields toleration : tolerations) {
      ObjectNode node = all.addObject();
      text(toleration, node, "key", KubernetesConfigReader::wrongWithLabelKey);
      text(toleration, node, "operator", oneOf("Exists", "Equal"));
      text(toleration, node, "value", KubernetesConfigReader::wrongWithLabelValue);
      text(toleration, node, "effect", oneOf("NoSchedule", "PreferNoSchedule", "NoExecute"));
      if (toleration.has("toleration_seconds")) {
        if (!node.path("effect").asText().equals("NoExecute")) {
          toleration.wrong(
              INVALID,
              "/toleration_seconds",
              "Only what has the effect \"NoExecute\" is tolerated for a time.");
        }
        node.put("toleration_seconds", toleration.integer("toleration_seconds", 0, 0, 24 * 3600));
      }
    }
  }

  private static void text(
      Fields fields, ObjectNode to, String name, Function<String, @Nullable String> check) {
    String text = fields.text(name, INVALID, check);
    if (text != null) {
      to.put(name, text);
    }
  }

  private static void bytes(Fields fields, ObjectNode to, String name, long min, long max) {
    if (fields.has(name)) {
      to.put(name, fields.whole(name, min, min, max));
    }
  }

  private static Function<String, @Nullable String> oneOf(String... words) {
    return text -> List.of(words).contains(text) ? null : "This is one of " + List.of(words) + ".";
  }

  private static @Nullable String wrongWithServer(String text) {
    URI uri = uri(text);
    if (uri == null || !"https".equals(uri.getScheme()) || uri.getHost() == null) {
      return "An API server's address is https://host:port.";
    }
    return uri.getRawUserInfo() != null || uri.getRawQuery() != null
        ? "Leave out user, password and query: credentials come from a file."
        : null;
  }

  private static @Nullable String wrongWithProxy(String text) {
    URI uri = uri(text);
    if (uri == null
        || !Set.of("http", "https").contains(String.valueOf(uri.getScheme()))
        || uri.getHost() == null) {
      return "A proxy is http://host:port.";
    }
    return uri.getRawUserInfo() == null
        ? null
        : "Leave out user and password: workers show their settings to the builds they run. Let the"
            + " proxy know workers by their network.";
  }

  private static @Nullable URI uri(String text) {
    try {
      return text.length() > 2000 ? null : new URI(text);
    } catch (URISyntaxException e) {
      return null;
    }
  }

  private static @Nullable String wrongWithCertificates(String text) {
    if (text.contains("PRIVATE KEY")) {
      return "This has a private key. \"ca\" takes certificates only; whoever has seen the key may"
          + " have to be kept out by a new one.";
    }
    return text.length() <= MAX_PEM
            && text.contains("-----BEGIN CERTIFICATE-----")
            && text.contains("-----END CERTIFICATE-----")
        ? null
        : "This is to be certificates in PEM, or name the file with \"ca_file\".";
  }

  private static @Nullable String wrongWithPath(String text) {
    return text.startsWith("/")
            && text.length() <= MAX_PATH
            && text.chars().noneMatch(c -> c < ' ')
            && !List.of(text.split("/", -1)).contains("..")
        ? null
        : "This is to be the absolute path of a file on the scheduler's machine, without \"..\".";
  }

  private static @Nullable String wrongWithContext(String text) {
    return text.isEmpty() || text.length() > 253
        ? "A context's name has 1 to 253 characters."
        : null;
  }

  private static @Nullable String wrongWithNamespace(String text) {
    return NAMESPACE.matcher(text).matches()
        ? null
        : "A namespace has at most 63 lower case letters, digits and '-'.";
  }

  private static @Nullable String wrongWithName(String text) {
    return NAME.matcher(text).matches()
        ? null
        : "A name in Kubernetes has at most 253 lower case letters, digits, '-' and '.'.";
  }

  private static @Nullable String wrongWithImage(String text) {
    return text.length() <= 1000 && IMAGE.matcher(text).matches()
        ? null
        : "This is to be a pullspec with its registry: registry.example.com/grange/worker@sha256:…";
  }

  private static @Nullable String wrongWithLabelKey(String text) {
    return LABEL_KEY.matcher(text).matches() ? null : "This is no key of a label in Kubernetes.";
  }

  private static @Nullable String wrongWithLabelValue(String text) {
    return LABEL_VALUE.matcher(text).matches()
        ? null
        : "This is no value of a label in Kubernetes.";
  }
}
