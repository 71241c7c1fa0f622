package dev.grange.domain.containerfile;

import dev.grange.domain.containerfile.Containerfile.Instruction;
import dev.grange.domain.containerfile.Containerfile.Problem;
import dev.grange.domain.containerfile.Containerfile.Stage;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The grammar of the Dockerfile reference: parser directives, continuation lines, comments,
 * here-documents, and for each instruction what can be said without running it.
 *
 * <p>It refuses only what every builder refuses. A flag that it does not know, or an expression
 * over ARGs, is the builder's business: a false alarm here would keep a good build out of the farm.
 *
 * <p>Every pass is linear in the length of the text, and so are the expressions (possessive, or
 * without nested repetition): the text comes from anybody who may submit.
 */
final class Parser {

  private static final Pattern DIRECTIVE =
      Pattern.compile("#\\s*([A-Za-z][A-Za-z0-9]*+)\\s*=\\s*(\\S.*)?");
  private static final Pattern STAGE_NAME = Pattern.compile("[a-z][a-z0-9._-]*+");
  private static final Pattern HEREDOC =
      Pattern.compile("[0-9]*+<<(-?)(['\"]?)([A-Za-z0-9_.\\-]++)\\2");
  private static final Pattern VARIABLE = Pattern.compile("[A-Za-z_][A-Za-z0-9_]*+");
  private static final Set<String> KEYWORDS =
      Set.of(
          "ADD",
          "ARG",
          "CMD",
          "COPY",
          "ENTRYPOINT",
          "ENV",
          "EXPOSE",
          "FROM",
          "HEALTHCHECK",
          "LABEL",
          "MAINTAINER",
          "ONBUILD",
          "RUN",
          "SHELL",
          "STOPSIGNAL",
          "USER",
          "VOLUME",
          "WORKDIR");

  private final String[] lines;
  private final List<Stage> stages = new ArrayList<>();
  private final List<Instruction> instructions = new ArrayList<>();
  private char escape = '\\';
  private int next;

  Parser(String text) throws Refused {
    if (text.length() > Containerfile.MAX_LENGTH) {
      throw new Refused(
          1, "A Containerfile has at most " + Containerfile.MAX_LENGTH + " characters.");
    }
    int nul = text.indexOf('\0');
    if (nul >= 0) {
      int line = 1 + (int) text.substring(0, nul).chars().filter(c -> c == '\n').count();
      throw new Refused(line, "There is a NUL character: this is not a text file.");
    }
    String withoutMark = text.startsWith("\uFEFF") ? text.substring(1) : text;
    lines = withoutMark.split("\n", -1);
  }

  Containerfile parse() throws Refused {
    directives();
    while (next < lines.length) {
      String line = lines[next].strip();
      if (line.isEmpty() || line.startsWith("#")) {
        next++;
      } else {
        instruction();
      }
    }
    if (stages.isEmpty()) {
      throw new Refused(
          Math.max(1, lines.length),
          instructions.isEmpty()
              ? "There is no instruction: a Containerfile starts with FROM."
              : "There is no FROM instruction.");
    }
    return new Containerfile(stages, instructions);
  }

  /** Directives are comments of the form key=value before anything else, a blank line included. */
  private void directives() throws Refused {
    Set<String> seen = new HashSet<>();
    while (next < lines.length) {
      Matcher matcher = DIRECTIVE.matcher(lines[next].strip());
      if (!matcher.matches()) {
        return;
      }
      String key = matcher.group(1).toLowerCase(Locale.ROOT);
      String value = matcher.group(2) == null ? "" : matcher.group(2).strip();
      if (!Set.of("escape", "syntax", "check").contains(key)) {
        return;
      }
      if (!seen.add(key)) {
        throw new Refused(next + 1, "The parser directive \"" + key + "\" is there twice.");
      }
      if (key.equals("escape")) {
        if (!value.equals("\\") && !value.equals("`")) {
          throw new Refused(next + 1, "The escape directive knows only \\ and `.");
        }
        escape = value.charAt(0);
      }
      next++;
    }
  }

  private void instruction() throws Refused {
    int first = next + 1;
    String logical = logicalLine();
    int blank = 0;
    while (blank < logical.length() && !Character.isWhitespace(logical.charAt(blank))) {
      blank++;
    }
    String keyword = logical.substring(0, blank).toUpperCase(Locale.ROOT);
    String arguments = logical.substring(blank).strip();
    if (!KEYWORDS.contains(keyword)) {
      throw new Refused(first, "Unknown instruction " + quote(logical.substring(0, blank)) + ".");
    }
    if (stages.isEmpty() && !keyword.equals("FROM") && !keyword.equals("ARG")) {
      throw new Refused(first, keyword + " stands before the first FROM; only ARG may.");
    }
    List<String> hereDocuments = List.of();
    if (keyword.equals("RUN") || keyword.equals("COPY") || keyword.equals("ADD")) {
      hereDocuments = skipHereDocuments(first, arguments);
    }
    check(first, keyword, arguments, hereDocuments);
    instructions.add(new Instruction(first, keyword, arguments));
  }

  /** One instruction: comments and empty lines between continued lines are left out. */
  private String logicalLine() {
    StringBuilder logical = new StringBuilder();
    boolean goesOn = true;
    boolean continued = false;
    while (goesOn && next < lines.length) {
      String raw = lines[next].stripTrailing();
      String stripped = raw.stripLeading();
      if (continued && (stripped.isEmpty() || stripped.startsWith("#"))) {
        next++;
        continue;
      }
      next++;
      goesOn = !raw.isEmpty() && raw.charAt(raw.length() - 1) == escape;
      logical.append(goesOn ? raw.substring(0, raw.length() - 1) : raw);
      continued = true;
    }
    return logical.toString().strip();
  }

  private List<String> skipHereDocuments(int first, String arguments) throws Refused {
    if (arguments.startsWith("[")) {
      return List.of();
    }
    List<String> names = new ArrayList<>();
    Deque<Boolean> indented = new ArrayDeque<>();
    for (String word : words(arguments)) {
      Matcher matcher = HEREDOC.matcher(word);
      if (matcher.matches()) {
        names.add(matcher.group(3));
        indented.add(!matcher.group(1).isEmpty());
      }
    }
    for (String name : names) {
      boolean tabs = indented.remove();
      boolean ended = false;
      while (!ended && next < lines.length) {
        String line = lines[next++];
        if (line.endsWith("\r")) {
          line = line.substring(0, line.length() - 1);
        }
        int start = 0;
        while (tabs && start < line.length() && line.charAt(start) == '\t') {
          start++;
        }
        ended = line.substring(start).equals(name);
      }
      if (!ended) {
        throw new Refused(
            first, "The here-document is never ended: a line " + quote(name) + " is missing.");
      }
    }
    return names;
  }

  /** Words as a shell would see them, quotes kept, so that "<<" in a string is no here-document. */
  private List<String> words(String text) {
    List<String> words = new ArrayList<>();
    StringBuilder word = new StringBuilder();
    char quoted = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (quoted != 0) {
        word.append(c);
        if (c == escape && quoted == '"' && i + 1 < text.length()) {
          word.append(text.charAt(++i));
        } else if (c == quoted) {
          quoted = 0;
        }
      } else if (Character.isWhitespace(c)) {
        if (!word.isEmpty()) {
          words.add(word.toString());
          word.setLength(0);
        }
      } else {
        word.append(c);
        if (c == '\'' || c == '"') {
          quoted = c;
        } else if (c == escape && i + 1 < text.length()) {
          word.append(text.charAt(++i));
        }
      }
    }
    if (!word.isEmpty()) {
      words.add(word.toString());
    }
    return words;
  }

  private void check(int line, String keyword, String arguments, List<String> hereDocuments)
      throws Refused {
    // CMD and ENTRYPOINT without arguments reset what the base image says
    if (arguments.isEmpty() && !keyword.equals("CMD") && !keyword.equals("ENTRYPOINT")) {
      throw new Refused(line, keyword + " needs an argument.");
    }
    switch (keyword) {
      case "FROM" -> from(line, arguments);
      case "COPY", "ADD" -> copy(line, keyword, arguments, hereDocuments);
      case "ENV", "LABEL" -> assignments(line, keyword, arguments);
      case "ARG" -> arg(line, arguments);
      case "SHELL" -> {
        if (!arguments.startsWith("[") || !arguments.endsWith("]")) {
          throw new Refused(line, "SHELL needs its JSON form, such as [\"/bin/bash\", \"-c\"].");
        }
      }
      case "HEALTHCHECK" -> healthcheck(line, arguments);
      case "ONBUILD" -> onbuild(line, arguments);
      case "RUN" -> {
        if (withoutFlags(words(arguments)).isEmpty()) {
          throw new Refused(line, "RUN has flags and no command.");
        }
      }
      default -> {
        // the rest take any text
      }
    }
  }

  private void from(int line, String arguments) throws Refused {
    List<String> words = new ArrayList<>(words(arguments));
    while (!words.isEmpty() && words.getFirst().startsWith("--")) {
      String flag = words.removeFirst();
      if (!flag.startsWith("--platform=") || flag.equals("--platform=")) {
        throw new Refused(line, "FROM knows one flag, --platform=…, not " + quote(flag) + ".");
      }
    }
    boolean named = words.size() == 3 && words.get(1).equalsIgnoreCase("AS");
    if (words.size() != 1 && !named) {
      throw new Refused(
          line,
          "FROM is written FROM [--platform=PLATFORM] IMAGE [AS NAME]; " + found(words) + ".");
    }
    String name = null;
    if (named) {
      name = words.get(2).toLowerCase(Locale.ROOT);
      if (!STAGE_NAME.matcher(name).matches() || name.equals("scratch")) {
        throw new Refused(
            line,
            "A stage's name starts with a letter and goes on with letters, digits, '.', '_' and"
                + " '-'; "
                + quote(words.get(2))
                + " is none.");
      }
    }
    stages.add(new Stage(line, words.getFirst(), name));
  }

  private static String found(List<String> words) {
    return words.isEmpty() ? "the image is missing" : "there are " + words.size() + " words";
  }

  private void copy(int line, String keyword, String arguments, List<String> hereDocuments)
      throws Refused {
    List<String> words = words(arguments);
    for (String word : words) {
      if (!word.startsWith("--")) {
        break;
      }
      if (keyword.equals("COPY") && word.startsWith("--from=")) {
        copyFrom(line, word.substring("--from=".length()));
      }
    }
    List<String> operands = withoutFlags(words);
    if (!operands.isEmpty() && operands.getFirst().startsWith("[")) {
      return;
    }
    if (operands.size() < 2) {
      throw new Refused(line, keyword + " needs at least one source and a destination.");
    }
    if (!hereDocuments.isEmpty() && HEREDOC.matcher(operands.getLast()).matches()) {
      throw new Refused(line, keyword + " has a here-document and no destination.");
    }
  }

  private void copyFrom(int line, String from) throws Refused {
    if (from.isEmpty()) {
      throw new Refused(line, "--from= needs a stage or an image.");
    }
    boolean number = from.length() < 10 && from.chars().allMatch(c -> c >= '0' && c <= '9');
    int current = stages.size() - 1;
    if (number && Integer.parseInt(from) >= current) {
      throw new Refused(
          line,
          "--from="
              + from
              + " names no earlier stage: this is stage "
              + current
              + ", and stages count from 0.");
    }
    String wanted = from.toLowerCase(Locale.ROOT);
    boolean self = wanted.equals(stages.getLast().name());
    boolean earlier = stages.stream().limit(current).anyMatch(s -> wanted.equals(s.name()));
    if (self && !earlier) {
      throw new Refused(line, "--from=" + from + " names the stage that it stands in.");
    }
  }

  private void assignments(int line, String keyword, String arguments) throws Refused {
    List<String> words = words(arguments);
    if (words.getFirst().indexOf('=') < 0) {
      if (words.size() < 2) {
        throw new Refused(
            line, keyword + " needs key=value; " + quote(words.getFirst()) + " has no value.");
      }
      // the old form: one key, and the rest of the line is its value
      return;
    }
    for (String word : words) {
      int equals = word.indexOf('=');
      if (equals < 0) {
        throw new Refused(
            line,
            keyword + " needs key=value; " + quote(word) + " has no '='. Is a quote missing?");
      }
      if (equals == 0) {
        throw new Refused(line, keyword + " needs key=value; " + quote(word) + " has no key.");
      }
    }
  }

  private void arg(int line, String arguments) throws Refused {
    for (String word : words(arguments)) {
      int equals = word.indexOf('=');
      String name = equals < 0 ? word : word.substring(0, equals);
      if (!VARIABLE.matcher(name).matches()) {
        throw new Refused(
            line, "ARG needs a name, or name=default; " + quote(word) + " is neither.");
      }
    }
  }

  private void healthcheck(int line, String arguments) throws Refused {
    List<String> operands = withoutFlags(words(arguments));
    String first = operands.isEmpty() ? "" : operands.getFirst().toUpperCase(Locale.ROOT);
    boolean none = first.equals("NONE") && operands.size() == 1;
    boolean command = first.equals("CMD") && operands.size() > 1;
    if (!none && !command) {
      throw new Refused(line, "HEALTHCHECK is written HEALTHCHECK [OPTIONS] CMD command, or NONE.");
    }
  }

  private void onbuild(int line, String arguments) throws Refused {
    String trigger = words(arguments).getFirst().toUpperCase(Locale.ROOT);
    if (!KEYWORDS.contains(trigger)) {
      throw new Refused(line, "ONBUILD: unknown instruction " + quote(trigger) + ".");
    }
    if (trigger.equals("ONBUILD") || trigger.equals("FROM") || trigger.equals("MAINTAINER")) {
      throw new Refused(line, "ONBUILD cannot carry " + trigger + ".");
    }
  }

  private static List<String> withoutFlags(List<String> words) {
    int flags = 0;
    while (flags < words.size() && words.get(flags).startsWith("--")) {
      flags++;
    }
    return words.subList(flags, words.size());
  }

  /** As much of a hostile word as a message can bear. */
  private static String quote(@Nullable String word) {
    String text = word == null ? "" : word;
    StringBuilder shown = new StringBuilder("\"");
    text.codePoints()
        .limit(60)
        .forEach(c -> shown.appendCodePoint(Character.isISOControl(c) ? '?' : c));
    return shown.append(text.codePointCount(0, text.length()) > 60 ? "…\"" : "\"").toString();
  }

  /** Ends the reading; never leaves this package. */
  static final class Refused extends Exception {
    final transient Problem problem;

    Refused(int line, String reason) {
      super(reason, null, false, false);
      this.problem = new Problem(line, reason);
    }
  }
}
