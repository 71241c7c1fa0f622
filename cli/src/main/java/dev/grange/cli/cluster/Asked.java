package dev.grange.cli.cluster;

import com.fasterxml.jackson.databind.JsonNode;
import dev.grange.cli.farm.Api;
import dev.grange.cli.farm.CommandFailure;
import dev.grange.cli.farm.ExitCode;
import dev.grange.cli.farm.Json;
import dev.grange.cli.terminal.Durations;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** Waits for what the farm makes of a request. */
final class Asked {
  private static final long LOOK_MILLIS = 300;

  private Asked() {}

  /**
   * Waits for the answer.
   *
   * @param doing for the message when the wait ends before
   * @return the farm's sentence
   * @throws CommandFailure when it was refused
   */
  static String answer(Api api, String request, Duration limit, String doing)
      throws InterruptedException {
    String path = "/requests/" + Api.encode(request);
    JsonNode answered =
        await(
            () -> {
              JsonNode now = api.get(path);
              return Json.text(now, "answer").isEmpty() ? Json.MAPPER.missingNode() : now;
            },
            limit,
            () ->
                "Waited %s; the farm is still %s. `%s` shows how it goes; is the scheduler running?"
                    .formatted(Durations.human(limit), doing, "grange clusters show"));
    String text = Json.text(answered, "answer_text");
    if (Json.text(answered, "answer").equals("REFUSED")) {
      throw new CommandFailure(ExitCode.API, "The farm refused: " + text + ".");
    }
    return text;
  }

  /** Looks until there is something, or the time is over. */
  static JsonNode await(Supplier<JsonNode> look, Duration limit, Supplier<String> late)
      throws InterruptedException {
    long started = System.nanoTime();
    while (true) {
      JsonNode now = look.get();
      if (!now.isMissingNode()) {
        return now;
      }
      if (System.nanoTime() - started > limit.toNanos()) {
        throw new CommandFailure(ExitCode.WAIT_ENDED, late.get());
      }
      TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
    }
  }
}
