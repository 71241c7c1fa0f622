package dev.grange.cli.build;

import dev.grange.cli.farm.Surroundings;
import dev.grange.cli.terminal.Progress;

/**
 * What happens on Ctrl-C while a build is followed: the client lets go, the build goes on, and the
 * last line says how to take it up again. The JVM itself ends with 128 + the signal's number, which
 * for Ctrl-C is 130.
 */
public final class Detach implements AutoCloseable {

  private final Thread hook;

  /** While the client follows a build. */
  public static Detach whileFollowing(String id, Progress progress, Surroundings surroundings) {
    return new Detach(
        progress,
        () ->
            surroundings
                .err()
                .printf(
                    "%nBuild %s goes on. Watch it again: %s builds log -f %s%n",
                    id, surroundings.command(), id));
  }

  private Detach(Progress progress, Runnable words) {
    this.hook =
        new Thread(
            () -> {
              progress.end();
              words.run();
            },
            "detach");
    Runtime.getRuntime().addShutdownHook(hook);
  }

  @Override
  public void close() {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The shutdown has begun; the hook has its say.
    }
  }
}
