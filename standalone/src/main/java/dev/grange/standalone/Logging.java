package dev.grange.standalone;

import java.io.IOException;
import java.nio.file.Path;
import java.util.logging.FileHandler;
import java.util.logging.Formatter;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;

/**
 * What the libraries in this JVM log, Kafka before all, goes to a file of bounded size: the
 * terminal is for people.
 */
final class Logging {
  private static final int LARGEST_BYTES = 16 << 20;
  private static final int GENERATIONS = 2;

  private Logging() {}

  /** Before any logger exists. */
  static void choose() {
    System.setProperty("java.util.logging.manager", "org.jboss.logmanager.LogManager");
  }

  static void into(Path file) throws IOException {
    Logger root = Logger.getLogger("");
    for (Handler handler : root.getHandlers()) {
      root.removeHandler(handler);
    }
    Handler handler =
        new FileHandler(
            file.toString().replace("%", "%%") + ".%g.log", LARGEST_BYTES, GENERATIONS, true);
    handler.setLevel(Level.ALL);
    handler.setEncoding("UTF-8");
    handler.setFormatter(new OneLine());
    root.addHandler(handler);
    root.setLevel(Level.WARNING);
  }

  private static final class OneLine extends Formatter {
    private final SimpleFormatter rest = new SimpleFormatter();

    @Override
    public String format(LogRecord record) {
      StringBuilder text = new StringBuilder();
      text.append(record.getInstant()).append(' ').append(record.getLevel()).append(" [");
      text.append(record.getLoggerName()).append("] ").append(rest.formatMessage(record));
      for (Throwable cause = record.getThrown(); cause != null; cause = cause.getCause()) {
        text.append(" | ").append(cause);
      }
      return text.append('\n').toString();
    }
  }
}
