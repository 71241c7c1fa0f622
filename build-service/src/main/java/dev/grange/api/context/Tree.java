package dev.grange.api.context;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The names in an archive, and what may not be among them: a name that leads out of the context, a
 * name below something that is no folder, the same name twice, and links that lead out, directly or
 * through other links. Unpacking what passes can write nowhere but below the folder it is unpacked
 * in, whatever the program that unpacks.
 */
final class Tree {
  private static final int MAX_NAME = 4096;
  private static final int MAX_COMPONENT = 255;

  /** Of all names together, so that many long ones do not fill the memory. */
  private static final long MAX_NAMES = 64L << 20;

  /** As Linux: a chain of more links is a loop, which leads nowhere. */
  private static final int MAX_LINKS = 40;

  private enum Kind {
    FOLDER,
    /** A folder that only its contents speak of. */
    IMPLIED,
    FILE,
    LINK
  }

  private record Node(Kind kind, String target) {}

  private final Map<String, Node> nodes = new HashMap<>();
  private final List<String> links = new ArrayList<>();
  private long names;

  /**
   * A name with neither {@code .} nor doubled slashes; empty for the root.
   *
   * @throws InvalidArchive when it leads out or is no name
   */
  String name(String raw) throws InvalidArchive {
    if (raw.startsWith("/")) {
      throw new InvalidArchive("It has an absolute name: " + shown(raw) + ".");
    }
    if (raw.length() > MAX_NAME) {
      throw new InvalidArchive("It has a name of more than " + MAX_NAME + " characters.");
    }
    if (raw.indexOf('\0') >= 0 || raw.indexOf('\uFFFD') >= 0) {
      throw new InvalidArchive("It has a name that is not UTF-8: " + shown(raw) + ".");
    }
    StringBuilder name = new StringBuilder(raw.length());
    for (String part : raw.split("/", -1)) {
      if (part.isEmpty() || part.equals(".")) {
        continue;
      }
      if (part.equals("..")) {
        throw new InvalidArchive("It has a name with \"..\": " + shown(raw) + ".");
      }
      if (part.length() > MAX_COMPONENT) {
        throw new InvalidArchive("It has a name that no file system takes: " + shown(raw) + ".");
      }
      name.append(name.isEmpty() ? "" : "/").append(part);
    }
    names += name.length();
    if (names > MAX_NAMES) {
      throw new InvalidArchive("Its names are too long, taken together.");
    }
    return name.toString();
  }

  /** Adds a folder; false when it was there, which is harmless. */
  boolean folder(String name) throws InvalidArchive {
    Node before = nodes.get(name);
    if (before != null && before.kind == Kind.FOLDER) {
      return false;
    }
    if (before != null && before.kind != Kind.IMPLIED) {
      throw twice(name);
    }
    parents(name);
    nodes.put(name, new Node(Kind.FOLDER, ""));
    return true;
  }

  void file(String name) throws InvalidArchive {
    add(name, new Node(Kind.FILE, ""));
  }

  /** Adds a symbolic link; where it leads is looked at by {@link #finish}, when all is known. */
  void link(String name, String target) throws InvalidArchive {
    if (target.isEmpty() || target.length() > MAX_NAME || target.indexOf('\0') >= 0) {
      throw new InvalidArchive("The link " + shown(name) + " leads to no name.");
    }
    if (target.startsWith("/")) {
      throw leadsOut(name, target, " Make it relative, or make it in a RUN line.");
    }
    names += target.length();
    add(name, new Node(Kind.LINK, target));
    links.add(name);
  }

  /** Adds a second name of a file that must have come before. */
  String hardLink(String name, String rawTarget) throws InvalidArchive {
    String target = name(rawTarget);
    Node node = nodes.get(target);
    if (node == null || node.kind != Kind.FILE) {
      throw new InvalidArchive(
          "The hard link " + shown(name) + " names no file before it: " + shown(rawTarget) + ".");
    }
    file(name);
    return target;
  }

  /** Looks where the links lead, now that everything they may lead through is known. */
  void finish() throws InvalidArchive {
    for (String link : links) {
      check(link);
    }
  }

  private void add(String name, Node node) throws InvalidArchive {
    if (name.isEmpty() || nodes.containsKey(name)) {
      throw twice(name);
    }
    parents(name);
    nodes.put(name, node);
  }

  private void parents(String name) throws InvalidArchive {
    for (int slash = name.lastIndexOf('/'); slash > 0; slash = name.lastIndexOf('/', slash - 1)) {
      String parent = name.substring(0, slash);
      Node node = nodes.get(parent);
      if (node == null) {
        nodes.put(parent, new Node(Kind.IMPLIED, ""));
        names += parent.length();
        if (names > MAX_NAMES) {
          throw new InvalidArchive("Its names are too long, taken together.");
        }
      } else if (node.kind == Kind.FILE || node.kind == Kind.LINK) {
        throw new InvalidArchive(
            shown(name) + " goes through " + shown(parent) + ", which is no folder.");
      } else {
        // whoever is there as a folder has its own parents
        return;
      }
    }
  }

  /**
   * Walks as the kernel does: a link on the way is walked in its turn, so a chain of links that
   * each look harmless is followed to its end.
   */
  private void check(String link) throws InvalidArchive {
    Deque<String> todo = new ArrayDeque<>(List.of(link.split("/", -1)));
    ArrayList<String> at = new ArrayList<>();
    int followed = 0;
    while (!todo.isEmpty()) {
      String part = todo.removeFirst();
      if (part.isEmpty() || part.equals(".")) {
        continue;
      }
      if (part.equals("..")) {
        if (at.isEmpty()) {
          Node node = nodes.get(link);
          throw leadsOut(link, node == null ? "" : node.target, "");
        }
        at.removeLast();
        continue;
      }
      at.addLast(part);
      Node node = nodes.get(String.join("/", at));
      if (node != null && node.kind == Kind.LINK) {
        if (++followed > MAX_LINKS) {
          return;
        }
        at.removeLast();
        String[] parts = node.target.split("/", -1);
        for (int i = parts.length - 1; i >= 0; i--) {
          todo.addFirst(parts[i]);
        }
      }
    }
  }

  private static InvalidArchive leadsOut(String name, String target, String advice) {
    return new InvalidArchive(
        "The link "
            + shown(name)
            + " leads out of the context, to "
            + shown(target)
            + "."
            + advice);
  }

  private static InvalidArchive twice(String name) {
    return new InvalidArchive("It has " + shown(name) + " twice.");
  }

  /** A name as a message can bear it. */
  static String shown(@Nullable String name) {
    String text = name == null ? "" : name;
    StringBuilder shown = new StringBuilder("\"");
    text.codePoints()
        .limit(120)
        .forEach(c -> shown.appendCodePoint(Character.isISOControl(c) ? '?' : c));
    return shown.append(text.length() > 120 ? "…\"" : "\"").toString();
  }
}
