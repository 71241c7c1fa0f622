package dev.grange.store;

import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;

/**
 * Hears the {@link Hints} of all processes. It has a connection of its own: one that listens must
 * not take a place in the pool nor be reset by it. After a break every listener gets {@link
 * #RESYNC}, because hints were lost meanwhile.
 */
@ApplicationScoped
public class HintListener {
  /** Said to every listener when the connection is new: look at everything. */
  public static final String RESYNC = "resync";

  private static final Logger LOG = Logger.getLogger(HintListener.class);
  private static final int READ_MILLIS = 30_000;

  private final String url;
  private final String user;
  private final String password;
  private final List<Consumer<String>> listeners = new CopyOnWriteArrayList<>();
  private final CountDownLatch stopped = new CountDownLatch(1);
  private volatile @Nullable Connection open;

  HintListener(
      @ConfigProperty(name = "quarkus.datasource.jdbc.url") String url,
      @ConfigProperty(name = "quarkus.datasource.username") String user,
      @ConfigProperty(name = "quarkus.datasource.password") String password) {
    this.url = url;
    this.user = user;
    this.password = password;
  }

  /** Calls {@code listener} with every word, on the listening thread: it must only hand on. */
  public void register(Consumer<String> listener) {
    listeners.add(listener);
  }

  public void unregister(Consumer<String> listener) {
    listeners.remove(listener);
  }

  void start(@Observes StartupEvent event) {
    Thread.ofPlatform().daemon().name("hint-listener").start(this::loop);
  }

  void stop(@Observes ShutdownEvent event) {
    stopped.countDown();
    Connection connection = open;
    if (connection != null) {
      try {
        connection.abort(Runnable::run);
      } catch (SQLException e) {
        LOG.debugf("hint connection not closed: %s", e.getMessage());
      }
    }
  }

  private boolean isStopped() {
    return stopped.getCount() == 0;
  }

  private void loop() {
    Properties login = new Properties();
    login.setProperty("user", user);
    login.setProperty("password", password);
    login.setProperty("connectTimeout", "5");
    login.setProperty("tcpKeepAlive", "true");
    login.setProperty("socketTimeout", "45");
    login.setProperty("ApplicationName", "grange-hints");
    while (!isStopped()) {
      try (Connection connection = DriverManager.getConnection(url, login)) {
        open = connection;
        try (Statement statement = connection.createStatement()) {
          statement.execute("LISTEN " + Hints.CHANNEL);
          say(RESYNC);
          read(connection.unwrap(PGConnection.class), statement);
        }
      } catch (SQLException | RuntimeException e) {
        if (!isStopped()) {
          LOG.warnf("no hints from the database, trying again: %s", e.getMessage());
          pause();
        }
      }
    }
  }

  private void read(PGConnection connection, Statement probe) throws SQLException {
    while (!isStopped()) {
      PGNotification[] notifications = connection.getNotifications(READ_MILLIS);
      if (notifications == null || notifications.length == 0) {
        // a connection whose other end is gone without a word reads like one that has nothing to
        // say
        probe.execute("SELECT 1");
      } else {
        for (PGNotification notification : notifications) {
          for (String word : notification.getParameter().split(",", -1)) {
            say(word);
          }
        }
      }
    }
  }

  private void say(String word) {
    for (Consumer<String> listener : listeners) {
      try {
        listener.accept(word);
      } catch (RuntimeException e) {
        // one that fails must not make the others deaf, nor end this thread
        LOG.warnf(e, "a listener failed on the hint %s", word);
      }
    }
  }

  private void pause() {
    try {
      boolean _ = stopped.await(1, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
