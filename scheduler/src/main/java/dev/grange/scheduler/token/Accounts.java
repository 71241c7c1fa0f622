package dev.grange.scheduler.token;

import dev.grange.domain.access.Principal;
import dev.grange.domain.access.Principal.Account;
import dev.grange.domain.access.Principal.Rule;
import dev.grange.domain.access.Scope;
import dev.grange.domain.access.Scope.Action;
import dev.grange.registry.Digests;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jboss.logging.Logger;

/** One file of accounts, read again when it has changed. Thread-safe. */
final class Accounts {
  private static final Logger LOG = Logger.getLogger(Accounts.class);
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}");
  private static final Pattern HASH = Pattern.compile("[0-9a-f]{64}");
  private static final int WORDS = 5;

  private final Path file;
  private final Set<String> registries;
  private volatile Contents contents;

  /** What was read, and how the file looked then. */
  private record Contents(String version, List<Line> lines) {}

  private record Line(String name, String hash, Rule rule) {}

  /**
   * Reads the file, and fails if it cannot be used.
   *
   * @param registries that the lines may name
   */
  Accounts(Path file, Set<String> registries) {
    this.file = file;
    this.registries = registries;
    try {
      this.contents = read(version());
    } catch (IOException e) {
      throw new IllegalStateException("the registry accounts cannot be used: " + e.getMessage(), e);
    }
  }

  /** The account with this name and secret. */
  Optional<Principal> find(String name, String secret) {
    refresh();
    byte[] hash = Digests.sha256().digest(secret.getBytes(StandardCharsets.UTF_8));
    List<Rule> rules =
        contents.lines().stream()
            .filter(line -> line.name().equals(name))
            .filter(line -> MessageDigest.isEqual(HexFormat.of().parseHex(line.hash()), hash))
            .map(Line::rule)
            .toList();
    return rules.isEmpty() ? Optional.empty() : Optional.of(new Account(rules));
  }

  private void refresh() {
    String seen = contents.version();
    String now = seen;
    try {
      now = version();
      if (!now.equals(seen)) {
        contents = read(now);
      }
    } catch (IOException e) {
      // Said once for each version of the file; what was read last goes on.
      LOG.errorf("the registry accounts stay as they were: %s", e.getMessage());
      contents = new Contents(now, contents.lines());
    }
  }

  private String version() throws IOException {
    BasicFileAttributes now = Files.readAttributes(file, BasicFileAttributes.class);
    return now.lastModifiedTime() + " " + now.size() + " " + now.fileKey();
  }

  private Contents read(String version) throws IOException {
    List<Line> lines = new ArrayList<>();
    int number = 0;
    for (String text : Files.readAllLines(file)) {
      number++;
      if (!text.isBlank() && !text.startsWith("#")) {
        lines.add(line(text.strip().split("\\s+", -1), number));
      }
    }
    return new Contents(version, List.copyOf(lines));
  }

  /** Never repeats what stands there: it may be a secret in the wrong place. */
  private Line line(String[] words, int number) throws IOException {
    if (words.length != WORDS) {
      throw bad(number, "has not five words: name, SHA-256, actions, repository, registry");
    }
    if (!NAME.matcher(words[0]).matches() || words[0].startsWith(AttemptCredentials.PREFIX)) {
      throw bad(number, "has a name that no account may have");
    }
    if (!HASH.matcher(words[1]).matches()) {
      throw bad(number, "has no SHA-256 as its second word: 64 hexadecimal digits, small letters");
    }
    Set<Action> actions = EnumSet.noneOf(Action.class);
    for (String word : words[2].split(",", -1)) {
      actions.add(
          switch (word) {
            case "pull" -> Action.PULL;
            case "push" -> Action.PUSH;
            case "delete" -> Action.DELETE;
            default -> throw bad(number, "has other actions than pull, push and delete");
          });
    }
    String prefix = words[3];
    if (!Scope.isRepository(
        prefix.endsWith("/") ? prefix.substring(0, prefix.length() - 1) : prefix)) {
      throw bad(number, "names no repository: as in base/os, or base/ for all below it");
    }
    if (!registries.contains(words[4])) {
      throw bad(number, "names a registry that is not one of " + registries);
    }
    return new Line(words[0], words[1], new Rule(actions, prefix, words[4]));
  }

  private IOException bad(int number, String why) {
    return new IOException("line " + number + " of " + file + " " + why);
  }
}
