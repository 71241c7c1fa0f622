package dev.grange.cli.context;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;

/**
 * What a {@code .containerignore} or {@code .dockerignore} leaves out, in Docker's semantics:
 * patterns are relative to the context's root, a pattern that matches a directory matches all below
 * it, {@code !} takes back, the last match wins.
 */
final class IgnoreRules {

  private record Rule(Pattern pattern, boolean takesBack) {}

  private final List<Rule> rules = new ArrayList<>();
  private boolean takesBack;

  /** No rules: everything goes along. */
  IgnoreRules() {}

  /**
   * The rules of a context directory: the file beside the Containerfile that carries its name
   * first, as buildah and BuildKit do, then {@code .containerignore}, then {@code .dockerignore}.
   * The first that exists is the only one read.
   */
  static IgnoreRules of(Path directory, @Nullable Path containerfile) throws IOException {
    List<Path> candidates = new ArrayList<>();
    if (containerfile != null) {
      candidates.add(
          containerfile.resolveSibling(containerfile.getFileName() + ".containerignore"));
      candidates.add(containerfile.resolveSibling(containerfile.getFileName() + ".dockerignore"));
    }
    candidates.add(directory.resolve(".containerignore"));
    candidates.add(directory.resolve(".dockerignore"));
    for (Path candidate : candidates) {
      if (Files.isRegularFile(candidate)) {
        return parse(Files.readAllLines(candidate));
      }
    }
    return new IgnoreRules();
  }

  static IgnoreRules parse(List<String> lines) {
    IgnoreRules result = new IgnoreRules();
    for (String line : lines) {
      String text = line.startsWith("\uFEFF") ? line.substring(1) : line;
      if (text.startsWith("#")) {
        continue;
      }
      text = text.strip();
      boolean takesBack = text.startsWith("!");
      if (takesBack) {
        text = text.substring(1).strip();
      }
      String path = clean(text);
      if (!path.isEmpty()) {
        result.rules.add(new Rule(compile(path), takesBack));
        result.takesBack |= takesBack;
      }
    }
    return result;
  }

  /** Whether a path (relative, with slashes) stays at home. */
  boolean ignores(String path) {
    boolean ignored = false;
    for (Rule rule : rules) {
      if (ignored == rule.takesBack() && matchesPathOrParent(rule.pattern(), path)) {
        ignored = !rule.takesBack();
      }
    }
    return ignored;
  }

  /** Whether below an ignored directory something may have been taken back. */
  boolean mayTakeBack() {
    return takesBack;
  }

  private static boolean matchesPathOrParent(Pattern pattern, String path) {
    for (int end = path.length(); end > 0; end = path.lastIndexOf('/', end - 1)) {
      if (pattern.matcher(path.substring(0, end)).matches()) {
        return true;
      }
    }
    return false;
  }

  /**
   * As Go's {@code filepath.Clean}, without a leading slash; empty for the root itself, which
   * nobody can mean.
   */
  private static String clean(String text) {
    List<String> parts = new ArrayList<>();
    for (String part : text.split("/", -1)) {
      if (part.equals("..")) {
        if (!parts.isEmpty()) {
          parts.removeLast();
        }
      } else if (!part.isEmpty() && !part.equals(".")) {
        parts.add(part);
      }
    }
    return String.join("/", parts);
  }

  private static Pattern compile(String path) {
    StringBuilder regex = new StringBuilder();
    for (int i = 0; i < path.length(); i++) {
      char c = path.charAt(i);
      switch (c) {
        case '*' -> {
          if (i + 1 < path.length() && path.charAt(i + 1) == '*') {
            i++;
            if (i + 1 < path.length() && path.charAt(i + 1) == '/') {
              i++;
              regex.append("(?:.*/)?");
            } else {
              regex.append(".*");
            }
          } else {
            regex.append("[^/]*");
          }
        }
        case '?' -> regex.append("[^/]");
        case '[' -> {
          int end = path.indexOf(']', i + 2);
          if (end < 0) {
            throw new IllegalArgumentException("a '[' without ']'");
          }
          String set = path.substring(i + 1, end);
          boolean negated = set.startsWith("^");
          String members = (negated ? set.substring(1) : set).replaceAll("([\\[\\]&^])", "\\\\$1");
          regex.append(negated ? "[^/" : "[").append(members).append(']');
          i = end;
        }
        case '\\' -> {
          if (i + 1 < path.length()) {
            i++;
          }
          regex.append(Pattern.quote(String.valueOf(path.charAt(i))));
        }
        default -> regex.append(Pattern.quote(String.valueOf(c)));
      }
    }
    try {
      return Pattern.compile(regex.toString(), Pattern.DOTALL);
    } catch (PatternSyntaxException e) {
      throw new IllegalArgumentException("an unusable set of characters", e);
    }
  }
}
