package dev.grange.cli.farm;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Waits for what the farm makes of a request. */
public final class Asked {
  private static final long LOOK_MILLIS = 300;

  private Asked() {}

  /** As the other, with nothing to do meanwhile. */
  public static String answer(
      Api api, String request, Duration limit, Function<Duration, String> late)
      throws InterruptedException {
    return answer(api, request, limit, late, () -> {});
  }

  /**
   * Waits for the answer.
   *
   * @param late what is said when the limit is over
   * @param meanwhile is run at each look that finds none
   * @return the farm's sentence
   * @throws CommandFailure when it was refused
   */
  public static String answer(
      Api api, String request, Duration limit, Function<Duration, String> late, Runnable meanwhile)
      throws InterruptedException {
    String path = "/requests/" + Api.encode(request);
    JsonNode answered =
        await(
            () -> {
              JsonNode now = api.get(path);
              if (!Json.text(now, "answer").isEmpty()) {
                return now;
              }
              meanwhile.run();
              return Json.MAPPER.missingNode();
            },
            limit,
            late);
    String text = Json.text(answered, "answer_text");
    if (Json.text(answered, "answer").equals("REFUSED")) {
      throw new CommandFailure(ExitCode.API, "The farm refused: " + text + ".");
    }
    return text;
  }

  /**
   * Looks until there is something.
   *
   * @param look answers a missing node while there is nothing
   * @param limit null for as long as it takes
   * @param late what is said when the limit, which it is given, is over
   */
  public static JsonNode await(
      Supplier<JsonNode> look, @Nullable Duration limit, Function<Duration, String> late)
      throws InterruptedException {
    long started = System.nanoTime();
    while (true) {
      JsonNode now = look.get();
      if (!now.isMissingNode()) {
        return now;
      }
      if (limit != null && System.nanoTime() - started > limit.toNanos()) {
        throw new CommandFailure(ExitCode.WAIT_ENDED, late.apply(limit));
      }
      TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
    }
  }
}
