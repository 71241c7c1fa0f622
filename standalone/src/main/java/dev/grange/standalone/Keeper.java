package dev.grange.standalone;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Keeps one part running: starts it, waits for its death, starts it again. Waits longer after each
 * death that follows soon.
 */
final class Keeper {
  private static final Duration FIRST_PAUSE = Duration.ofMillis(500);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(30);
  private static final Duration STEADY = Duration.ofSeconds(60);

  private final Part part;
  private final Console console;
  private final CompletableFuture<Part.Running> firstStart = new CompletableFuture<>();
  private final Thread thread;

  private final Object monitor = new Object();
  private boolean stopping;
  private Part.@Nullable Running running;

  Keeper(Part part, Console console) {
    this.part = part;
    this.console = console;
    this.thread = Thread.ofPlatform().daemon().name("keeper-" + part.name()).unstarted(this::keep);
  }

  String name() {
    return part.name();
  }

  /**
   * Begins; the future completes with the first start, or with its failure, after which nothing is
   * tried again.
   */
  CompletableFuture<Part.Running> start() {
    thread.start();
    return firstStart;
  }

  private void keep() {
    long began = System.nanoTime();
    try {
      Part.Running first = part.start();
      console.say(part.name(), "ready in %s (%s)".formatted(seconds(began), first.detail()));
      if (!take(first)) {
        return;
      }
      firstStart.complete(first);
      Part.Running current = first;
      Duration pause = FIRST_PAUSE;
      while (true) {
        long ready = System.nanoTime();
        String how = current.ended().join();
        if (isStopping()) {
          return;
        }
        if (System.nanoTime() - ready > STEADY.toNanos()) {
          pause = FIRST_PAUSE;
        }
        console.say(part.name(), "died: " + how);
        current.stop(Duration.ZERO);
        Part.Running next = null;
        while (next == null) {
          if (sleepUnlessStopping(pause)) {
            return;
          }
          pause =
              pause.multipliedBy(2).compareTo(LONGEST_PAUSE) > 0
                  ? LONGEST_PAUSE
                  : pause.multipliedBy(2);
          next = startAgain(pause);
        }
        if (!take(next)) {
          return;
        }
        current = next;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      firstStart.completeExceptionally(e);
    } catch (Exception e) {
      if (!firstStart.completeExceptionally(e)) {
        console.say(part.name(), "is no longer watched: " + e);
      }
    }
  }

  private Part.@Nullable Running startAgain(Duration nextPause) throws InterruptedException {
    long began = System.nanoTime();
    try {
      Part.Running next = part.start();
      console.say(part.name(), "restarted in %s (%s)".formatted(seconds(began), next.detail()));
      return next;
    } catch (InterruptedException e) {
      throw e;
    } catch (Exception e) {
      console.say(
          part.name(),
          "does not start, next try in %.1f s: %s"
              .formatted(nextPause.toMillis() / 1000.0, e.getMessage()));
      return null;
    }
  }

  /**
   * Makes a started part the one to be stopped; false if the farm is being stopped already, and
   * then it is stopped here.
   */
  private boolean take(Part.Running started) throws Exception {
    boolean late;
    synchronized (monitor) {
      late = stopping;
      running = started;
    }
    if (late) {
      started.stop(Duration.ZERO);
    }
    return !late;
  }

  private boolean isStopping() {
    synchronized (monitor) {
      return stopping;
    }
  }

  private boolean sleepUnlessStopping(Duration pause) throws InterruptedException {
    long end = System.nanoTime() + pause.toNanos();
    synchronized (monitor) {
      long left = pause.toNanos();
      while (!stopping && left > 0) {
        TimeUnit.NANOSECONDS.timedWait(monitor, left);
        left = end - System.nanoTime();
      }
      return stopping;
    }
  }

  /** Stops the part for good. */
  void stop(Duration limit) {
    Part.Running last;
    synchronized (monitor) {
      stopping = true;
      last = running;
      monitor.notifyAll();
    }
    try {
      if (last == null) {
        // Nothing to stop, or it is just being started: the death signal of its process sees to
        // that.
        return;
      }
      long began = System.nanoTime();
      last.stop(limit);
      console.say(part.name(), "stopped in " + seconds(began));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (Exception e) {
      console.say(part.name(), "did not stop in good order: " + e.getMessage());
    }
  }

  private static String seconds(long since) {
    return "%.1f s".formatted((System.nanoTime() - since) / 1e9);
  }
}
