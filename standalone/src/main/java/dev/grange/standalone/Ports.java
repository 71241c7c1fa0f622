package dev.grange.standalone;

import dev.grange.embedded.FreePorts;
import dev.grange.embedded.Secrets;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.function.IntPredicate;

/**
 * Who listens where. Chosen at the first start, preferring well-known numbers, and then kept: pull
 * specifications and clients have them.
 */
final class Ports {
  enum Name {
    API(7080),
    SCHEDULER(7081),
    TOKENS(7082),
    CANDIDATE(7050),
    STABLE(7051),
    KAFKA(7092),
    KAFKA_CONTROLLER(7093),
    POSTGRES(7032);

    private final int preferred;

    Name(int preferred) {
      this.preferred = preferred;
    }

    String key() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
  }

  private final Map<Name, Integer> numbers;

  private Ports(Map<Name, Integer> numbers) {
    this.numbers = numbers;
  }

  /** Reads the ports of this farm; what the file does not name is chosen and written to it. */
  static Ports keptIn(Path file) throws IOException {
    return keptIn(file, FreePorts::isFree);
  }

  static Ports keptIn(Path file, IntPredicate free) throws IOException {
    Properties kept = new Properties();
    if (Files.exists(file)) {
      try (Reader reader = Files.newBufferedReader(file)) {
        kept.load(reader);
      }
    }
    Map<Name, Integer> numbers = new EnumMap<>(Name.class);
    for (Name name : Name.values()) {
      String value = kept.getProperty(name.key());
      if (value != null) {
        numbers.put(name, parse(file, name, value));
      }
    }
    boolean complete = numbers.size() == Name.values().length;
    for (Name name : Name.values()) {
      if (!numbers.containsKey(name)) {
        numbers.put(name, choose(name, numbers, free));
      }
    }
    if (!complete) {
      StringBuilder text =
          new StringBuilder("# Where each part listens. Change a number while the farm is down.\n");
      numbers.forEach(
          (name, port) -> text.append(name.key()).append('=').append(port).append('\n'));
      Secrets.write(file, text.toString());
    }
    return new Ports(numbers);
  }

  private static int choose(Name name, Map<Name, Integer> taken, IntPredicate free) {
    int port = name.preferred;
    while (taken.containsValue(port) || !free.test(port)) {
      port = FreePorts.any();
    }
    return port;
  }

  private static int parse(Path file, Name name, String value) throws IOException {
    String digits = value.strip();
    if (digits.matches("[0-9]{1,5}")) {
      int port = Integer.parseInt(digits);
      if (port > 0 && port < 65_536) {
        return port;
      }
    }
    throw new IOException(file + ": " + name.key() + " is not a port: " + value);
  }

  int of(Name name) {
    Integer port = numbers.get(name);
    if (port == null) {
      throw new IllegalStateException("no port for " + name);
    }
    return port;
  }

  /** {@code 127.0.0.1:port}. */
  String local(Name name) {
    return "127.0.0.1:" + of(name);
  }

  Iterable<Name> names() {
    return numbers.keySet();
  }
}
