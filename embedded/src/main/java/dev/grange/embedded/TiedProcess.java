package dev.grange.embedded;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * Starts child processes that do not outlive this JVM, not even when it is killed.
 *
 * <p>The kernel sends a child its parent-death signal (prctl(2), PR_SET_PDEATHSIG) when the
 * <em>thread</em> that forked it ends, so each child gets a platform thread of its own that waits
 * for it. Each child also gets a session of its own: Ctrl-C in a terminal then reaches this JVM
 * only, which stops its children in the right order.
 */
public final class TiedProcess {
  private TiedProcess() {}

  /** What a child is sent when this JVM is gone. */
  public enum DeathSignal {
    INT,
    TERM,
    KILL
  }

  /** Starts the command of {@code builder}; the process id is that of the command itself. */
  public static Process start(ProcessBuilder builder, DeathSignal signal) throws IOException {
    return start(builder, signal, List.of());
  }

  /**
   * Starts the command inside another one.
   *
   * @param wrapper a command that executes its arguments without forking, put before everything
   *     else; empty for none
   */
  static Process start(ProcessBuilder builder, DeathSignal signal, List<String> wrapper)
      throws IOException {
    List<String> command = new ArrayList<>(wrapper);
    command.addAll(List.of("setsid", "setpriv", "--pdeathsig", signal.name(), "--"));
    command.addAll(builder.command());
    builder.command(command);
    CompletableFuture<Process> started = new CompletableFuture<>();
    Thread.ofPlatform().daemon().name("parent-of-child").start(() -> forkAndWait(builder, started));
    try {
      return started.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof IOException cause) {
        throw new IOException(
            cause.getMessage() + " (setsid and setpriv are in the package util-linux)", cause);
      }
      throw e;
    }
  }

  private static void forkAndWait(ProcessBuilder builder, CompletableFuture<Process> started) {
    try {
      Process process = builder.start();
      started.complete(process);
      boolean exited = false;
      while (!exited) {
        try {
          process.waitFor();
          exited = true;
        } catch (InterruptedException e) {
          // Leaving now would kill the child. Nobody has a reason to interrupt this thread.
        }
      }
    } catch (IOException | RuntimeException e) {
      started.completeExceptionally(e);
    }
  }

  /** Sends a signal that {@link ProcessHandle} has no method for. */
  static void signal(long pid, String signal) throws IOException, InterruptedException {
    new ProcessBuilder("sh", "-c", "kill -" + signal + " " + pid)
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .start()
        .waitFor();
  }
}
