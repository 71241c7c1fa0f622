package dev.grange.scheduler;

import dev.grange.scheduler.lease.Leases;
import dev.grange.store.Hints;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.UUID;

/**
 * Tells the loops of this process, and by hints the other processes, that something was committed.
 * Called after the commit, never inside of a transaction.
 */
@ApplicationScoped
public class Wakeups {
  /** What there may be to do. */
  public enum Chore {
    /** Something waits for a slot, or a slot is free. */
    PLACEMENT,
    /** An attempt is to be taken on or to be stopped. */
    ATTEMPTS,
    /** Somebody asked for something. */
    REQUESTS,
    /** Something was left: an index is not made, a cluster with pods that nobody needs is back. */
    RECONCILIATION,
    /** A release is to be promoted. */
    PROMOTION,
    /** A cluster drains, or is to resume at some time. */
    CLUSTERS,
    /** Somebody wants to know whether a cluster can do what it should. */
    CHECKS,
    /** Events wait in the outbox. */
    RELAY;

    private String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private final Hints hints;
  private final Leases leases;
  private final Map<Chore, Runnable> loops = new EnumMap<>(Chore.class);

  Wakeups(Hints hints, Leases leases) {
    this.hints = hints;
    this.leases = leases;
  }

  /** Calls {@code wake} whenever there may be such work; it must only hand on. */
  public void register(Chore chore, Runnable wake) {
    synchronized (loops) {
      loops.put(chore, wake);
    }
  }

  /**
   * Something about these builds was committed, and this work may follow. Other schedulers hear of
   * it only if there are any.
   */
  public void changed(Set<Chore> follows, Collection<UUID> builds) {
    follows.forEach(this::here);
    List<String> words = new ArrayList<>();
    builds.forEach(build -> words.add(Hints.build(build)));
    if (!leases.isAlone()) {
      follows.forEach(chore -> words.add(chore.word()));
    }
    if (!words.isEmpty()) {
      hints.send(words.toArray(String[]::new));
    }
  }

  /** A hint came from another process. */
  void heard(String word) {
    if (word.equals(Hints.QUEUE)) {
      // a submission or a request, with its events
      here(Chore.PLACEMENT);
      here(Chore.REQUESTS);
      here(Chore.CHECKS);
      here(Chore.RELAY);
      return;
    }
    for (Chore chore : Chore.values()) {
      if (chore.word().equals(word)) {
        here(chore);
      }
    }
  }

  /** Nobody knows what was missed. */
  void everything() {
    for (Chore chore : Chore.values()) {
      here(chore);
    }
  }

  /** Wakes a loop of this process after a while: for what was put off. */
  public void later(Chore chore, Duration delay) {
    Thread.ofVirtual()
        .name("later")
        .start(
            () -> {
              try {
                // not waiting for something: the delay is what was asked for
                Thread.sleep(delay);
                here(chore);
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
  }

  private void here(Chore chore) {
    Runnable loop;
    synchronized (loops) {
      loop = loops.get(chore);
    }
    if (loop != null) {
      loop.run();
    }
  }
}
