package dev.grange.cli.cluster;

import dev.grange.cli.farm.CommandFailure;
import dev.grange.cli.farm.ExitCode;
import dev.grange.cli.farm.Surroundings;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
    name = "manifests",
    description = {
      "Print what a cluster's administrator applies before the cluster is registered:",
      "namespace, service account, role, network policies, limits. Pipe it into `kubectl apply -f"
          + " -`."
    })
final class ClusterManifests implements Runnable {
  private static final String NAMESPACE = "grange-builds";

  private static final List<String> FILES =
      List.of(
          "00-namespace.yaml",
          "10-service-account.yaml",
          "20-role.yaml",
          "30-network-policy.yaml",
          "40-network-policy-farm.yaml",
          "50-limits.yaml");

  private static final Pattern NAME = Pattern.compile("[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?");
  private static final Pattern ADDRESS =
      Pattern.compile("([0-9]{1,3}(?:\\.[0-9]{1,3}){3})(/[0-9]{1,2})?:([0-9]{1,5})");
  private static final Pattern NETWORK =
      Pattern.compile("[0-9]{1,3}(?:\\.[0-9]{1,3}){3}/[0-9]{1,2}");

  private final Surroundings surroundings;

  @Option(
      names = {"-n", "--namespace"},
      paramLabel = "NAME",
      description = "Default: grange-builds.")
  String namespace = NAMESPACE;

  @Option(
      names = "--allow",
      paramLabel = "ADDRESS[/BITS]:PORT",
      description =
          "What workers reach besides public sources: candidate registry, token service, proxies;"
              + " repeat.")
  List<String> allow = List.of();

  @Option(
      names = "--deny",
      paramLabel = "NETWORK",
      description = "A public network that workers must not reach, such as the nodes'; repeat.")
  List<String> deny = List.of();

  @Option(names = "--no-limits", description = "Leave quota and limits out.")
  boolean noLimits;

  ClusterManifests(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public void run() {
    if (!NAME.matcher(namespace).matches()) {
      throw new CommandFailure(ExitCode.USAGE, "'" + namespace + "' is no name of a namespace.");
    }
    for (String file : FILES) {
      if (noLimits && file.startsWith("50-")) {
        continue;
      }
      String text = read(file);
      if (file.startsWith("30-")) {
        text = denied(text);
      }
      if (file.startsWith("40-")) {
        if (allow.isEmpty()) {
          surroundings
              .err()
              .println(
                  "Left out: what lets workers reach the farm's registry and token service. Say"
                      + " where they are: --allow ADDRESS:PORT.");
          continue;
        }
        text = allowed(text);
      }
      surroundings.out().println("---");
      surroundings.out().print(text.replace(NAMESPACE, namespace));
    }
  }

  private static String read(String file) {
    try (InputStream in =
        ClusterManifests.class.getResourceAsStream("/dev/grange/cli/cluster/manifests/" + file)) {
      if (in == null) {
        throw new IllegalStateException("the client was built without " + file);
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new IllegalStateException(file, e);
    }
  }

  private String denied(String policy) {
    StringBuilder except = new StringBuilder();
    for (String network : deny) {
      if (!NETWORK.matcher(network).matches()) {
        throw new CommandFailure(
            ExitCode.USAGE, "'" + network + "' is no network; write for example 192.0.2.0/24.");
      }
      except.append("              - ").append(network).append('\n');
    }
    int end = after(policy, "              - 240.0.0.0/4\n");
    return policy.substring(0, end) + except + policy.substring(end);
  }

  /** Where a manifest goes on behind something that stands in it once. */
  private static int after(String manifest, String anchor) {
    int at = manifest.indexOf(anchor);
    if (at < 0 || manifest.indexOf(anchor, at + 1) >= 0) {
      throw new IllegalStateException(
          "the client was built with a manifest that has not one line of " + anchor.strip());
    }
    return at + anchor.length();
  }

  private String allowed(String policy) {
    StringBuilder rules = new StringBuilder();
    for (String place : allow) {
      Matcher address = ADDRESS.matcher(place);
      if (!address.matches()) {
        throw new CommandFailure(
            ExitCode.USAGE,
            "'"
                + place
                + "' is no address with its port; network policies know no names: write for"
                + " example 192.0.2.10:5000.");
      }
      String bits = address.group(2) == null ? "/32" : address.group(2);
      rules.append(
          """
              - to:
                  - ipBlock: {cidr: %s%s}
                ports:
                  - {protocol: TCP, port: %s}
          """
              .formatted(address.group(1), bits, address.group(3)));
    }
    int end = after(policy, "  egress:\n");
    return "# The farm's own addresses.\n"
        + policy.substring(policy.indexOf("apiVersion:"), end)
        + rules;
  }
}
