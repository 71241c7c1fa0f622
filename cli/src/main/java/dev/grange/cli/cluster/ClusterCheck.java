package dev.grange.cli.cluster;

import com.fasterxml.jackson.databind.JsonNode;
import dev.grange.cli.farm.Api;
import dev.grange.cli.farm.Asked;
import dev.grange.cli.farm.CommandFailure;
import dev.grange.cli.farm.ExitCode;
import dev.grange.cli.farm.FarmOptions;
import dev.grange.cli.farm.Json;
import dev.grange.cli.farm.Surroundings;
import dev.grange.cli.terminal.Durations;
import dev.grange.cli.terminal.Output;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "check",
    description =
        "Look whether a cluster can do what it should: reachable, rights, namespace, worker image,"
            + " a probe. Exit status 9 when something has to be mended first.")
final class ClusterCheck implements Callable<Integer> {

  private final Surroundings surroundings;

  @Parameters(paramLabel = "CLUSTER", description = "The cluster's name.")
  String name = "";

  @Option(
      names = "--wait-timeout",
      paramLabel = "TIME",
      converter = Durations.class,
      description = "Give up waiting after this time, with exit status 8. Default: 10m.")
  Duration limit = Duration.ofMinutes(10);

  @Mixin Output output = new Output();
  @Mixin FarmOptions farm = new FarmOptions();

  ClusterCheck(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public Integer call() throws InterruptedException {
    Api api = farm.connect(surroundings);
    JsonNode accepted =
        api.postRepeatable("/clusters/" + Api.encode(name) + "/check", Json.object());
    return follow(api, surroundings, output, name, Json.text(accepted, "request_id"), limit);
  }

  /** Waits for a check, prints what it finds, and says whether the cluster can take work. */
  static int follow(
      Api api,
      Surroundings surroundings,
      Output output,
      String name,
      String request,
      Duration limit)
      throws InterruptedException {
    surroundings.err().println("Checking " + name + " …");
    String path = "/clusters/" + Api.encode(name);
    boolean table = output.form() == Output.Form.TABLE;
    Set<JsonNode> printed = new HashSet<>();
    Asked.answer(
        api,
        request,
        limit,
        waited ->
            "Waited %s; the farm is still checking %s. `%s clusters show %s` shows how it goes; is the scheduler running?"
                .formatted(Durations.human(waited), name, surroundings.command(), name),
        () -> {
          if (table) {
            ClusterText.progress(api.get(path), surroundings.out(), printed);
          }
        });
    JsonNode cluster = api.get(path);
    output.one(
        surroundings.out(),
        cluster,
        node -> Json.text(node, "name"),
        () -> ClusterText.findings(cluster, surroundings.out(), printed));
    return judge(surroundings, name, cluster);
  }

  /** Exit status 0, or a failure that names what is to be mended. */
  static int judge(Surroundings surroundings, String name, JsonNode cluster) {
    if (!ClusterText.failed(cluster)) {
      String note = ClusterText.note(cluster);
      surroundings
          .err()
          .println(
              "Cluster %s can do what it should; it is %s%s."
                  .formatted(
                      name, ClusterText.state(cluster), note.isEmpty() ? "" : " (" + note + ")"));
      return ExitCode.OK.status();
    }
    StringBuilder mend = new StringBuilder();
    for (JsonNode finding : cluster.path("report").path("findings")) {
      if (Json.text(finding, "status").equals("FAILED")) {
        mend.append(mend.isEmpty() ? "" : ", ").append(Json.text(finding, "check"));
      }
    }
    throw new CommandFailure(
        ExitCode.CONFIGURATION,
        "Cluster %s cannot take work: mend %s, then `%s clusters check %s`."
            .formatted(name, mend, surroundings.command(), name));
  }
}
