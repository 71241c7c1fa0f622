package dev.grange.scheduler.cluster.kubernetes;

import dev.grange.scheduler.cluster.JobFields;
import dev.grange.scheduler.cluster.JobJson;
import dev.grange.scheduler.cluster.PodRequest;
import io.fabric8.kubernetes.api.model.EmptyDirVolumeSource;
import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.EnvVarBuilder;
import io.fabric8.kubernetes.api.model.LocalObjectReference;
import io.fabric8.kubernetes.api.model.NodeSelectorRequirementBuilder;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.PodSpecBuilder;
import io.fabric8.kubernetes.api.model.PreferredSchedulingTermBuilder;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.SeccompProfile;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.api.model.SecurityContextBuilder;
import io.fabric8.kubernetes.api.model.Toleration;
import io.fabric8.kubernetes.api.model.TolerationBuilder;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.VolumeBuilder;
import io.fabric8.kubernetes.api.model.VolumeMount;
import io.fabric8.kubernetes.api.model.VolumeMountBuilder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Renders what an attempt gets in a cluster: one pod, and one Secret of the same name that goes
 * with it. A pure function: docs/worker.md says what the worker relies on.
 */
final class PodRendering {
  static final String CONTAINER = "worker";
  static final String SECCOMP = "seccomp";
  static final String USER_NAMESPACES = "user_namespaces";
  static final String DRIVER = "driver";
  static final String PROBE = "probe";

  private static final String JOB = "/grange/job";
  private static final String INPUT = "/grange/input";
  private static final String CA = "/grange/ca";
  private static final String REGISTRIES = "/grange/registries";
  private static final String PULL_SECRETS = "/grange/pull-secrets";

  /** What a worker, its log and its image's writable layer need beside the storage of builds. */
  private static final long OVERHEAD_BYTES = 256L << 20;

  private static final long MIN_MEMORY_REQUEST = 256L << 20;

  /** After the farm's own deadline, so that it is the farm that says so. */
  private static final int DEADLINE_SLACK_SECONDS = 120;

  private static final int GRACE_SECONDS = 30;

  /** How long a node may be away before its pods are taken from it; a toleration may say other. */
  private static final long NODE_AWAY_SECONDS = 60;

  private final KubernetesConfig config;
  private final Map<String, String> features;

  /**
   * A rendering for one cluster.
   *
   * @param features that its check has found
   */
  PodRendering(KubernetesConfig config, Map<String, String> features) {
    this.config = config;
    this.features = features;
  }

  Pod pod(PodRequest request) {
    List<Volume> volumes = new ArrayList<>();
    List<VolumeMount> mounts = new ArrayList<>();
    List<EnvVar> environment = new ArrayList<>();
    work(volumes, mounts, environment);
    volumes.add(
        new VolumeBuilder()
            .withName("input")
            .withNewSecret()
            .withSecretName(request.podName())
            .withDefaultMode(0400)
            .endSecret()
            .build());
    mounts.add(mount("input", INPUT));
    environment.add(variable("GRANGE_INPUT", INPUT));
    if (config.trustedInput()) {
      environment.add(variable("GRANGE_TRUSTED_INPUT", "1"));
    }
    surroundings(volumes, mounts, environment);
    PodSpecBuilder spec =
        spec(List.of("grange-worker-entrypoint"), List.of(), environment, mounts, volumes)
            .withActiveDeadlineSeconds((long) request.runSeconds() + DEADLINE_SLACK_SECONDS);
    if (!request.avoidNodes().isEmpty()) {
      avoid(spec, request);
    }
    return new PodBuilder()
        .withMetadata(metadata(request.podName(), request.labels()))
        .withSpec(secured(spec, is(USER_NAMESPACES), is(SECCOMP)).build())
        .build();
  }

  /**
   * A pod that tells what workers can do here.
   *
   * @param addresses {@code host:port} that it tries to reach
   */
  Pod probe(
      String name,
      Map<String, String> labels,
      List<String> addresses,
      boolean userNamespace,
      boolean seccomp) {
    List<Volume> volumes = new ArrayList<>();
    List<VolumeMount> mounts = new ArrayList<>();
    List<EnvVar> environment = new ArrayList<>();
    work(volumes, mounts, environment);
    if (config.trustedInput()) {
      environment.add(variable("GRANGE_TRUSTED_INPUT", "1"));
    }
    surroundings(volumes, mounts, environment);
    PodSpecBuilder spec =
        spec(List.of("grange-worker-probe"), addresses, environment, mounts, volumes)
            .withActiveDeadlineSeconds(120L);
    return new PodBuilder()
        .withMetadata(metadata(name, labels))
        .withSpec(secured(spec, userNamespace, seccomp).build())
        .build();
  }

  /** The pod's input, which goes when the pod goes. */
  Secret secret(PodRequest request, String podUid) {
    Map<String, String> files = new TreeMap<>(request.job().files());
    files.put("job.json", JobJson.write(request.job()));
    Map<String, String> data = new LinkedHashMap<>();
    files.forEach((name, text) -> data.put(name, base64(text)));
    JobFields.write(request.job()).ifPresent(fields -> data.put("job.fields", base64(fields)));
    return new SecretBuilder()
        .withNewMetadata()
        .withName(request.podName())
        .withNamespace(config.namespace())
        .withLabels(labels(request.labels()))
        .addNewOwnerReference()
        .withApiVersion("v1")
        .withKind("Pod")
        .withName(request.podName())
        .withUid(podUid)
        .endOwnerReference()
        .endMetadata()
        .withType("Opaque")
        .withImmutable(true)
        .withData(data)
        .build();
  }

  private static String base64(String text) {
    return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
  }

  private boolean is(String feature) {
    return "true".equals(features.get(feature));
  }

  private ObjectMeta metadata(String name, Map<String, String> labels) {
    return new ObjectMetaBuilder()
        .withName(name)
        .withNamespace(config.namespace())
        .withLabels(labels(labels))
        // a build that is moved begins anew
        .addToAnnotations("cluster-autoscaler.kubernetes.io/safe-to-evict", "false")
        .build();
  }

  private void work(List<Volume> volumes, List<VolumeMount> mounts, List<EnvVar> environment) {
    volumes.add(
        new VolumeBuilder()
            .withName("work")
            .withEmptyDir(
                new EmptyDirVolumeSource(null, new Quantity(bytes(config.storageBytes()))))
            .build());
    mounts.add(new VolumeMountBuilder().withName("work").withMountPath(JOB).build());
    environment.add(variable("GRANGE_JOB", JOB));
    environment.add(variable("GRANGE_STORAGE_LIMIT", bytes(config.storageBytes())));
    String driver = features.get(DRIVER);
    if (driver != null) {
      environment.add(variable("GRANGE_STORAGE_DRIVER", driver));
    }
  }

  /** What the cluster's operator has for its workers. */
  private void surroundings(
      List<Volume> volumes, List<VolumeMount> mounts, List<EnvVar> environment) {
    proxy(environment, "http", "HTTP_PROXY");
    proxy(environment, "https", "HTTPS_PROXY");
    proxy(environment, "no", "NO_PROXY");
    String ca = config.caBundleConfigMap();
    if (ca != null) {
      volumes.add(configMap("ca", ca));
      mounts.add(mount("ca", CA));
      environment.add(variable("GRANGE_CA_BUNDLE", CA + "/ca-bundle.crt"));
    }
    String registries = config.registriesConfConfigMap();
    if (registries != null) {
      volumes.add(configMap("registries", registries));
      mounts.add(mount("registries", REGISTRIES));
      environment.add(variable("GRANGE_REGISTRIES_CONF", REGISTRIES + "/registries.conf"));
    }
    int number = 0;
    for (String secret : config.imagePullSecrets()) {
      String volume = "pull-secret-" + number++;
      volumes.add(
          new VolumeBuilder()
              .withName(volume)
              .withNewSecret()
              .withSecretName(secret)
              .withDefaultMode(0400)
              .endSecret()
              .build());
      mounts.add(mount(volume, PULL_SECRETS + "/" + secret));
    }
    if (number > 0) {
      environment.add(variable("GRANGE_PULL_SECRETS", PULL_SECRETS));
    }
  }

  private void proxy(List<EnvVar> environment, String key, String name) {
    String value = config.proxy().get(key);
    if (value != null && !value.isBlank()) {
      environment.add(variable(name, value));
    }
  }

  private PodSpecBuilder spec(
      List<String> command,
      List<String> arguments,
      List<EnvVar> environment,
      List<VolumeMount> mounts,
      List<Volume> volumes) {
    Map<String, Quantity> requests = new LinkedHashMap<>();
    requests.put("cpu", new Quantity("100m"));
    requests.put(
        "memory",
        new Quantity(
            bytes(
                Math.min(
                    config.memoryBytes(),
                    Math.max(MIN_MEMORY_REQUEST, config.memoryBytes() / 4)))));
    requests.put(
        "ephemeral-storage", new Quantity(bytes(config.storageBytes() / 4 + OVERHEAD_BYTES)));
    Map<String, Quantity> limits = new LinkedHashMap<>();
    // no limit for the processor: idle time is there to be used
    limits.put("memory", new Quantity(bytes(config.memoryBytes())));
    limits.put("ephemeral-storage", new Quantity(bytes(config.storageBytes() + OVERHEAD_BYTES)));
    return new PodSpecBuilder()
        .withRestartPolicy("Never")
        .withAutomountServiceAccountToken(false)
        .withEnableServiceLinks(false)
        .withTerminationGracePeriodSeconds((long) GRACE_SECONDS)
        .withNodeSelector(config.nodeSelector().isEmpty() ? null : config.nodeSelector())
        .withTolerations(tolerations())
        .withImagePullSecrets(
            config.imagePullSecrets().stream().map(LocalObjectReference::new).toList())
        .addNewContainer()
        .withName(CONTAINER)
        .withImage(config.workerImage())
        .withImagePullPolicy("IfNotPresent")
        .withCommand(command)
        .withArgs(arguments)
        .withEnv(environment)
        .withVolumeMounts(mounts)
        .withNewResources()
        .withRequests(requests)
        .withLimits(limits)
        .endResources()
        .withTerminationMessagePolicy("File")
        .endContainer()
        .withVolumes(volumes);
  }

  private static PodSpecBuilder secured(
      PodSpecBuilder spec, boolean userNamespace, boolean seccomp) {
    SecurityContextBuilder security =
        new SecurityContextBuilder()
            .withRunAsUser(0L)
            .withRunAsGroup(0L)
            .withAllowPrivilegeEscalation(false)
            .withNewCapabilities()
            .addToDrop("ALL")
            .addToAdd("SETUID", "SETGID", "SETFCAP")
            .endCapabilities();
    if (seccomp) {
      security.withSeccompProfile(new SeccompProfile(null, "RuntimeDefault"));
    }
    spec.editFirstContainer().withSecurityContext(security.build()).endContainer();
    if (userNamespace) {
      spec.withHostUsers(false);
    }
    return spec;
  }

  private List<Toleration> tolerations() {
    List<Toleration> all = new ArrayList<>();
    for (Map<String, String> one : config.tolerations()) {
      String seconds = one.get("toleration_seconds");
      all.add(
          new TolerationBuilder()
              .withKey(one.get("key"))
              .withOperator(one.get("operator"))
              .withValue(one.get("value"))
              .withEffect(one.get("effect"))
              .withTolerationSeconds(seconds == null ? null : Long.valueOf(seconds))
              .build());
    }
    for (String key : List.of("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")) {
      if (config.tolerations().stream().noneMatch(one -> key.equals(one.get("key")))) {
        all.add(
            new TolerationBuilder()
                .withKey(key)
                .withOperator("Exists")
                .withEffect("NoExecute")
                .withTolerationSeconds(NODE_AWAY_SECONDS)
                .build());
      }
    }
    return all;
  }

  private static void avoid(PodSpecBuilder spec, PodRequest request) {
    spec.withNewAffinity()
        .withNewNodeAffinity()
        .withPreferredDuringSchedulingIgnoredDuringExecution(
            new PreferredSchedulingTermBuilder()
                .withWeight(100)
                .withNewPreference()
                .withMatchExpressions(
                    new NodeSelectorRequirementBuilder()
                        .withKey("kubernetes.io/hostname")
                        .withOperator("NotIn")
                        .withValues(request.avoidNodes().stream().sorted().toList())
                        .build())
                .endPreference()
                .build())
        .endNodeAffinity()
        .endAffinity();
  }

  private static Volume configMap(String name, String configMap) {
    return new VolumeBuilder()
        .withName(name)
        .withNewConfigMap()
        .withName(configMap)
        .endConfigMap()
        .build();
  }

  private static VolumeMount mount(String volume, String path) {
    return new VolumeMountBuilder().withName(volume).withMountPath(path).withReadOnly(true).build();
  }

  private static EnvVar variable(String name, String value) {
    return new EnvVarBuilder().withName(name).withValue(value).build();
  }

  private static String bytes(long bytes) {
    return Long.toString(bytes);
  }

  static Map<String, String> labels(Map<String, String> labels) {
    Map<String, String> clean = new TreeMap<>();
    labels.forEach((name, value) -> clean.put(name, label(value)));
    return clean;
  }

  /** A label's value has at most 63 characters, begins and ends with a letter or digit. */
  static String label(String value) {
    String clean = value.replaceAll("[^A-Za-z0-9._-]", "-");
    clean = clean.substring(0, Math.min(63, clean.length()));
    return clean.replaceAll("^[^A-Za-z0-9]+|[^A-Za-z0-9]+$", "");
  }
}
