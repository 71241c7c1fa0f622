package dev.grange.scheduler;

import dev.grange.store.Hints;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * Tells the loops of this process, and by a hint the other processes, that something was committed.
 * Called after the commit, never inside of a transaction.
 */
@ApplicationScoped
public class Wakeups {
  private final Hints hints;
  private final List<Runnable> loops = new CopyOnWriteArrayList<>();

  Wakeups(Hints hints) {
    this.hints = hints;
  }

  /** Calls {@code wake} whenever something changed; it must only hand on. */
  public void register(Runnable wake) {
    loops.add(wake);
  }

  /** Something was committed. */
  public void changed(String... hint) {
    here();
    hints.send(hint);
  }

  /** Wakes the loops of this process only. */
  public void here() {
    loops.forEach(Runnable::run);
  }

  /** Wakes the loops of this process after a while: for what was put off. */
  public void later(Duration delay) {
    Thread.ofVirtual()
        .name("later")
        .start(
            () -> {
              try {
                Thread.sleep(delay);
                here();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
  }
}
