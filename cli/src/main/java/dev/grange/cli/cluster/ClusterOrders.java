package dev.grange.cli.cluster;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.grange.cli.farm.Api;
import dev.grange.cli.farm.Asked;
import dev.grange.cli.farm.FarmOptions;
import dev.grange.cli.farm.Json;
import dev.grange.cli.farm.Surroundings;
import dev.grange.cli.terminal.Durations;
import dev.grange.cli.terminal.Plain;
import java.time.Duration;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What the farm is told to do with a cluster, and does. */
final class ClusterOrders {
  private static final Duration ANSWER = Duration.ofMinutes(1);

  private ClusterOrders() {}

  /** Which cluster, why, and on which farm. */
  static final class Order {
    @Parameters(paramLabel = "CLUSTER", description = "The cluster's name.")
    String name = "";

    @Option(
        names = {"-m", "--note"},
        paramLabel = "TEXT",
        description = "Why; everybody sees it.")
    @Nullable String note;

    @Mixin FarmOptions farm = new FarmOptions();

    String path() {
      return "/clusters/" + Api.encode(name);
    }

    ObjectNode body() {
      ObjectNode body = Json.object();
      if (note != null) {
        body.put("note", note);
      }
      return body;
    }
  }

  private static void say(Surroundings surroundings, String text) {
    surroundings.err().println(Plain.text(text));
  }

  private static int send(Surroundings surroundings, Order order, String command, ObjectNode body)
      throws InterruptedException {
    Api api = order.farm.connect(surroundings);
    JsonNode accepted = api.postRepeatable(order.path() + "/" + command, body);
    say(surroundings, answer(surroundings, api, order, command, accepted));
    return 0;
  }

  private static String answer(
      Surroundings surroundings, Api api, Order order, String command, JsonNode accepted)
      throws InterruptedException {
    return Asked.answer(
        api,
        Json.text(accepted, "request_id"),
        ANSWER,
        waited ->
            "Waited %s; the farm was asked to %s %s, and has not answered. `%s clusters show %s` shows how it goes; is the scheduler running?"
                .formatted(
                    Durations.human(waited),
                    command,
                    order.name,
                    surroundings.command(),
                    order.name));
  }

  private static void seconds(ObjectNode body, String field, @Nullable Duration duration) {
    if (duration != null) {
      body.put(field, duration.toSeconds());
    }
  }

  @Command(name = "cordon", description = "Give a cluster no new work; what runs on it goes on.")
  static final class Cordon implements Callable<Integer> {
    private final Surroundings surroundings;

    @Mixin Order order = new Order();

    @Option(
        names = "--resume-after",
        paramLabel = "TIME",
        converter = Durations.class,
        description = "Let it take work again by itself after this time, such as 2h.")
    @Nullable Duration resumeAfter;

    Cordon(Surroundings surroundings) {
      this.surroundings = surroundings;
    }

    @Override
    public Integer call() throws InterruptedException {
      ObjectNode body = order.body();
      seconds(body, "resume_after_seconds", resumeAfter);
      return send(surroundings, order, "cordon", body);
    }
  }

  @Command(name = "uncordon", description = "Let a cluster take work again.")
  static final class Uncordon implements Callable<Integer> {
    private final Surroundings surroundings;

    @Mixin Order order = new Order();

    Uncordon(Surroundings surroundings) {
      this.surroundings = surroundings;
    }

    @Override
    public Integer call() throws InterruptedException {
      return send(surroundings, order, "uncordon", order.body());
    }
  }

  @Command(
      name = "drain",
      description =
          "Empty a cluster: no new work, and what runs ends by itself, or is moved to other"
              + " clusters, which costs no try.")
  static final class Drain implements Callable<Integer> {
    private final Surroundings surroundings;

    @Mixin Order order = new Order();

    @Option(names = "--now", description = "Interrupt and move at once what runs.")
    boolean now;

    @Option(
        names = "--timeout",
        paramLabel = "TIME",
        converter = Durations.class,
        description = "Interrupt and move what still runs after this time, such as 30m.")
    @Nullable Duration timeout;

    @Option(
        names = "--resume-after",
        paramLabel = "TIME",
        converter = Durations.class,
        description = "Let it take work again by itself after this time, such as 2h.")
    @Nullable Duration resumeAfter;

    @Option(names = "--wait", description = "Wait until nothing is on it.")
    boolean wait;

    @Option(
        names = "--wait-timeout",
        paramLabel = "TIME",
        converter = Durations.class,
        description = "With --wait: give up after this time, with exit status 8.")
    @Nullable Duration limit;

    Drain(Surroundings surroundings) {
      this.surroundings = surroundings;
    }

    @Override
    public Integer call() throws InterruptedException {
      ObjectNode body = order.body();
      if (now) {
        body.put("now", true);
      }
      seconds(body, "timeout_seconds", timeout);
      seconds(body, "resume_after_seconds", resumeAfter);
      int sent = send(surroundings, order, "drain", body);
      if (!wait) {
        return sent;
      }
      Api api = order.farm.connect(surroundings);
      String[] last = {""};
      JsonNode end =
          Asked.await(
              () -> {
                JsonNode cluster = api.get(order.path());
                boolean over =
                    !Json.text(cluster, "desired").equals("DRAINING")
                        || !Json.text(cluster, "drained_at").isEmpty();
                String left = Json.text(cluster, "slots_used");
                if (!over && !left.equals(last[0])) {
                  last[0] = left;
                  say(surroundings, "Still on " + order.name + ": " + left);
                }
                return over ? cluster : Json.MAPPER.missingNode();
              },
              limit,
              waited ->
                  "Waited %s; still on %s: %s."
                      .formatted(Durations.human(waited), order.name, last[0]));
      say(
          surroundings,
          Json.text(end, "desired").equals("DRAINING")
              ? "Cluster " + order.name + " is drained."
              : "Cluster "
                  + order.name
                  + " is no longer draining: "
                  + ClusterText.state(end)
                  + ".");
      return 0;
    }
  }

  @Command(
      name = "remove",
      description =
          "Take a cluster out of the farm. Refused while work is on it: drain it first. What it"
              + " has built stays, and its name may be registered again.")
  static final class Remove implements Callable<Integer> {
    private final Surroundings surroundings;

    @Mixin Order order = new Order();

    Remove(Surroundings surroundings) {
      this.surroundings = surroundings;
    }

    @Override
    public Integer call() throws InterruptedException {
      Api api = order.farm.connect(surroundings);
      String query = order.note == null ? "" : "?note=" + Api.encode(order.note);
      JsonNode accepted = api.delete(order.path() + query);
      say(surroundings, answer(surroundings, api, order, "remove", accepted));
      return 0;
    }
  }
}
