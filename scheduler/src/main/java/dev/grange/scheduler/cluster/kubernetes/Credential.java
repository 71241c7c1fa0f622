package dev.grange.scheduler.cluster.kubernetes;

import io.fabric8.kubernetes.api.model.AuthInfo;
import io.fabric8.kubernetes.api.model.NamedAuthInfo;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The files that say who the scheduler is to a cluster. They are read again when they have changed:
 * a rotated token is used without a restart.
 */
final class Credential {
  private static final int CONNECT_MILLIS = 5_000;
  private static final int ANSWER_MILLIS = 10_000;

  private final KubernetesConfig config;
  private @Nullable String last;
  private List<Path> files = List.of();

  Credential(KubernetesConfig config) {
    this.config = config;
  }

  /** Whether a file has changed since {@link #load}, or it was not called. */
  synchronized boolean hasChanged() throws IOException {
    return !fingerprint(files).equals(last);
  }

  /**
   * Reads the files.
   *
   * @throws IOException naming the file that cannot be read
   */
  synchronized Config load() throws IOException {
    Path kubeconfig = config.kubeconfigFile();
    Config base;
    if (kubeconfig != null) {
      refusePrograms(kubeconfig);
    }
    try {
      base =
          kubeconfig == null
              ? Config.empty()
              : Config.fromKubeconfig(config.context(), readable(kubeconfig).toFile());
    } catch (RuntimeException e) {
      throw new IOException("cannot use " + kubeconfig + " as a kubeconfig: " + e.getMessage(), e);
    }
    ConfigBuilder builder =
        new ConfigBuilder(base)
            .withNamespace(config.namespace())
            .withConnectionTimeout(CONNECT_MILLIS)
            .withRequestTimeout(ANSWER_MILLIS)
            // tried again by whoever asked, who knows whether that has sense
            .withRequestRetryBackoffLimit(0)
            .withWatchReconnectLimit(0)
            // a connection of HTTP/2 that hangs takes all requests with it
            .withHttp2Disable(true)
            .withUserAgent("grange-scheduler");
    if (config.server() != null) {
      builder.withMasterUrl(config.server());
    }
    if (config.ca() != null) {
      builder.withCaCertData(config.ca()).withCaCertFile(null);
    }
    Path caFile = config.caFile();
    if (caFile != null) {
      builder.withCaCertData(null).withCaCertFile(readable(caFile).toString());
    }
    Path tokenFile = config.tokenFile();
    if (tokenFile != null) {
      builder.withAutoOAuthToken(null).withOauthToken(Files.readString(tokenFile).strip());
    }
    Config made = builder.build();
    made.setOnlyHttpWatches(true);
    List<Path> read = new ArrayList<>();
    Stream.of(kubeconfig, caFile, tokenFile).filter(path -> path != null).forEach(read::add);
    for (String file :
        Arrays.asList(made.getCaCertFile(), made.getClientCertFile(), made.getClientKeyFile())) {
      if (file != null) {
        read.add(readable(Path.of(file)));
      }
    }
    files = List.copyOf(read);
    last = fingerprint(files);
    return made;
  }

  /**
   * A kubeconfig may name a program that obtains the credential. Whoever may register clusters
   * names the file, and is not meant to run programs as the scheduler.
   */
  private static void refusePrograms(Path kubeconfig) throws IOException {
    io.fabric8.kubernetes.api.model.Config content;
    try {
      content =
          Serialization.unmarshal(
              Files.readString(readable(kubeconfig)), io.fabric8.kubernetes.api.model.Config.class);
    } catch (RuntimeException e) {
      // its message may hold what stands in the file
      throw new IOException(kubeconfig + " is no kubeconfig", e);
    }
    if (content == null) {
      throw new IOException(kubeconfig + " is no kubeconfig: it is empty");
    }
    for (NamedAuthInfo user : content.getUsers()) {
      AuthInfo how = user.getUser();
      if (how != null && (how.getExec() != null || how.getAuthProvider() != null)) {
        throw new IOException(
            kubeconfig
                + " has a program obtain the credential of user "
                + user.getName()
                + ", and the farm runs none: use a service account's token, as"
                + " deploy/cluster/make-kubeconfig makes one");
      }
    }
  }

  private static Path readable(Path file) throws IOException {
    if (!Files.isReadable(file)) {
      throw new IOException("cannot read " + file);
    }
    return file;
  }

  /** Names, times and sizes: enough to see that a file was written or replaced. */
  private static String fingerprint(List<Path> files) throws IOException {
    StringBuilder all = new StringBuilder("read");
    for (Path file : files) {
      // through links: a mounted Secret is replaced by a link to another folder
      Path real = file.toRealPath();
      all.append('|')
          .append(real)
          .append(' ')
          .append(Files.getLastModifiedTime(real))
          .append(' ')
          .append(Files.size(real));
    }
    return all.toString();
  }
}
