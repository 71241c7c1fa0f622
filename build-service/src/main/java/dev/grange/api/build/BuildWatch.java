package dev.grange.api.build;

import dev.grange.store.HintListener;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * Wakes whoever waits for something to happen to a build. Waiting costs a virtual thread and no
 * query; hints may be lost, so nobody waits longer than {@link #LOOK} without looking.
 *
 * <p>Open the watch before the first look: a change between the two is then not missed.
 */
@ApplicationScoped
public class BuildWatch {
  /** After this long one looks, hint or not. */
  public static final Duration LOOK = Duration.ofSeconds(30);

  private static final String BUILD = "build:";

  private final HintListener hints;
  private final Map<UUID, Set<Watch>> watches = new ConcurrentHashMap<>();
  private final Thread hook = Thread.ofPlatform().unstarted(this::close);
  private volatile boolean closed;

  BuildWatch(HintListener hints) {
    this.hints = hints;
  }

  void start(@Observes StartupEvent event) {
    hints.register(this::hear);
    // Waiting requests must end when the process is told to stop, before it waits for requests to
    // end.
    Runtime.getRuntime().addShutdownHook(hook);
  }

  void stop(@Observes ShutdownEvent event) {
    close();
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // it is running: that is why we are here
      return;
    }
  }

  private void close() {
    closed = true;
    watches.values().forEach(set -> set.forEach(Watch::wake));
  }

  private void hear(String word) {
    if (word.equals(HintListener.RESYNC)) {
      watches.values().forEach(set -> set.forEach(Watch::wake));
    } else if (word.startsWith(BUILD)) {
      try {
        Set<Watch> set = watches.get(UUID.fromString(word.substring(BUILD.length())));
        if (set != null) {
          set.forEach(Watch::wake);
        }
      } catch (IllegalArgumentException e) {
        // not a word of ours: a hint that cannot be read is a hint that was lost
        return;
      }
    }
  }

  /** Starts to listen for a build; whoever opens it closes it. */
  public Watch open(UUID build) {
    Watch watch = new Watch(build);
    watches.compute(
        build,
        (id, set) -> {
          Set<Watch> all = set == null ? ConcurrentHashMap.newKeySet() : set;
          all.add(watch);
          return all;
        });
    return watch;
  }

  /** One who waits. */
  public final class Watch implements AutoCloseable {
    private final UUID build;
    private final Semaphore heard = new Semaphore(0);

    private Watch(UUID build) {
      this.build = build;
    }

    private void wake() {
      heard.release();
    }

    /**
     * Waits for a hint.
     *
     * @return false when the time was up first
     */
    public boolean await(Duration atMost) throws InterruptedException {
      if (closed) {
        return true;
      }
      boolean woken = heard.tryAcquire(Math.max(0, atMost.toMillis()), TimeUnit.MILLISECONDS);
      heard.drainPermits();
      return woken;
    }

    /** Whether the process is stopping: answer what there is. */
    public boolean isOver() {
      return closed;
    }

    @Override
    public void close() {
      watches.computeIfPresent(
          build,
          (id, set) -> {
            set.remove(this);
            return set.isEmpty() ? null : set;
          });
    }
  }
}
