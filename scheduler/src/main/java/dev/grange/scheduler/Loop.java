package dev.grange.scheduler;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jboss.logging.Logger;

/**
 * Work that is done when somebody says that there is some, and now and then in case nobody heard. A
 * round that fails is logged once and tried again, a little later each time: a database or a Kafka
 * that is away stops nothing for good.
 */
public final class Loop {
  private static final Logger LOG = Logger.getLogger(Loop.class);
  private static final Duration FIRST_PAUSE = Duration.ofMillis(250);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(5);

  /** One round. */
  @FunctionalInterface
  public interface Round {
    /**
     * Does what there is to do.
     *
     * @return whether there is more to do at once
     */
    boolean run() throws Exception;
  }

  /** All that run in this process. */
  private static final List<Loop> RUNNING = new CopyOnWriteArrayList<>();

  /** Longer than the longest remote call of a round, which is the upload of a blob. */
  private static final Duration STUCK = Duration.ofMinutes(45);

  private final String name;
  private final Supplier<Duration> period;
  private final Duration gather;
  private final Round round;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private boolean woken = true;
  private boolean stopped;
  private volatile long lastRound = System.nanoTime();
  private final Thread thread;

  private Loop(String name, Supplier<Duration> period, Duration gather, Round round) {
    this.name = name;
    this.period = period;
    this.gather = gather;
    this.round = round;
    this.thread = Thread.ofVirtual().name(name).unstarted(this::loop);
  }

  /** Starts with a first round at once. */
  public static Loop start(String name, Duration period, Round round) {
    return start(name, () -> period, round);
  }

  /**
   * Starts with a first round at once.
   *
   * @param period the longest time between two rounds, asked for after each
   */
  public static Loop start(String name, Supplier<Duration> period, Round round) {
    return start(name, period, Duration.ZERO, round);
  }

  /**
   * Starts with a first round at once.
   *
   * @param period the longest time between two rounds, asked for after each
   * @param gather how long a round waits after it was woken, so that what comes together is done
   *     together
   */
  public static Loop start(String name, Supplier<Duration> period, Duration gather, Round round) {
    Loop loop = new Loop(name, period, gather, round);
    RUNNING.add(loop);
    loop.thread.start();
    return loop;
  }

  /** The names of loops that have ended by themselves, or have been in one round for very long. */
  static List<String> stuck() {
    long now = System.nanoTime();
    return RUNNING.stream()
        .filter(loop -> !loop.thread.isAlive() || now - loop.lastRound > STUCK.toNanos())
        .map(loop -> loop.name)
        .toList();
  }

  /** Says that there is something to do. A round that runs now is followed by another one. */
  public void wake() {
    lock.lock();
    try {
      woken = true;
      changed.signal();
    } finally {
      lock.unlock();
    }
  }

  /** No further round; waits until a running one has ended, but at most ten seconds. */
  public void stop() {
    RUNNING.remove(this);
    lock.lock();
    try {
      stopped = true;
      changed.signal();
    } finally {
      lock.unlock();
    }
    try {
      if (!thread.join(Duration.ofSeconds(10))) {
        LOG.warnf("%s did not stop in time", name);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void loop() {
    Duration pause = FIRST_PAUSE;
    boolean failing = false;
    while (await(failing ? pause : period.get(), failing)) {
      lastRound = System.nanoTime();
      try {
        if (round.run()) {
          wake();
        }
        if (failing) {
          LOG.infof("%s works again", name);
        }
        failing = false;
        pause = FIRST_PAUSE;
      } catch (VirtualMachineError e) {
        // Nothing that is built on this JVM can be relied on; whoever started it starts another
        // one.
        Runtime.getRuntime().halt(1);
      } catch (Exception | LinkageError | AssertionError e) {
        if (Thread.currentThread().isInterrupted()) {
          return;
        }
        if (!failing) {
          LOG.warnf("%s failed and is tried again: %s", name, e);
          LOG.debug(name, e);
        }
        pause = failing && pause.compareTo(LONGEST_PAUSE) < 0 ? pause.multipliedBy(2) : pause;
        failing = true;
        wake();
      }
    }
  }

  /**
   * @param whole whether to wait the whole time even if woken, as after a failure
   * @return false when it is time to stop
   */
  private boolean await(Duration time, boolean whole) {
    lock.lock();
    try {
      long left = time.toNanos();
      while (!stopped && left > 0 && (whole || !woken)) {
        left = changed.awaitNanos(left);
      }
      left = woken ? gather.toNanos() : 0;
      while (!stopped && left > 0) {
        left = changed.awaitNanos(left);
      }
      woken = false;
      return !stopped;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    } finally {
      lock.unlock();
    }
  }
}
