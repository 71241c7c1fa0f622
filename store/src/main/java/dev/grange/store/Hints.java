package dev.grange.store;

import io.quarkus.runtime.ShutdownEvent;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import javax.sql.DataSource;
import org.jboss.logging.Logger;

/**
 * Tells the other processes that something changed, so that nobody polls. A hint may be lost and
 * may come twice: it is never the only way to find out.
 *
 * <p>NOTIFY takes a lock of the whole database at commit. Hints are therefore gathered for some
 * milliseconds and sent by themselves, outside of the transaction that gave rise to them: call
 * {@link #send} after the commit.
 */
@ApplicationScoped
public class Hints {
  /** The channel of PostgreSQL's LISTEN and NOTIFY. */
  public static final String CHANNEL = "grange";

  /** Something for the scheduler to do. */
  public static final String QUEUE = "queue";

  private static final Logger LOG = Logger.getLogger(Hints.class);
  private static final long GATHER_NANOS = 20_000_000;

  /** PostgreSQL refuses a payload of 8,000 bytes; a build's word has 42. */
  private static final int MAX_WORDS = 150;

  private final DataSource source;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition some = lock.newCondition();
  private final Set<String> pending = new LinkedHashSet<>();
  private boolean stopped;
  private boolean started;

  public Hints(DataSource source) {
    this.source = source;
  }

  /** The word for "something about that build changed". */
  public static String build(UUID build) {
    return "build:" + build;
  }

  /** Sends a word soon. Returns at once and never fails. */
  public void send(String... words) {
    lock.lock();
    try {
      if (!started) {
        started = true;
        Thread.ofVirtual().name("hints").start(this::loop);
      }
      pending.addAll(List.of(words));
      some.signal();
    } finally {
      lock.unlock();
    }
  }

  void stop(@Observes ShutdownEvent event) {
    lock.lock();
    try {
      stopped = true;
      some.signal();
    } finally {
      lock.unlock();
    }
  }

  private void loop() {
    while (true) {
      List<String> words;
      try {
        words = take();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
      if (words.isEmpty()) {
        return;
      }
      notifyAll(words);
    }
  }

  /**
   * Waits for words and a moment longer, for those that come with them. Empty when it is time to
   * stop.
   */
  private List<String> take() throws InterruptedException {
    lock.lock();
    try {
      while (pending.isEmpty() && !stopped) {
        some.await();
      }
      if (!stopped) {
        long left = GATHER_NANOS;
        while (left > 0 && !stopped) {
          left = some.awaitNanos(left);
        }
      }
      List<String> words = new ArrayList<>(pending);
      pending.clear();
      return words;
    } finally {
      lock.unlock();
    }
  }

  private void notifyAll(List<String> words) {
    for (int at = 0; at < words.size(); at += MAX_WORDS) {
      String payload = String.join(",", words.subList(at, Math.min(words.size(), at + MAX_WORDS)));
      try (Connection connection = source.getConnection();
          PreparedStatement statement =
              connection.prepareStatement("SELECT pg_notify('" + CHANNEL + "', ?)")) {
        statement.setString(1, payload);
        statement.execute();
      } catch (SQLException | RuntimeException e) {
        // Lost, as a hint may be: every reader also looks by itself now and then.
        LOG.debugf("hint not sent: %s", e.getMessage());
      }
    }
  }
}
