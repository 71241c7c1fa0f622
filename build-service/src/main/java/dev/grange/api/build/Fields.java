package dev.grange.api.build;

import com.fasterxml.jackson.databind.JsonNode;
import dev.grange.api.problem.Problem;
import dev.grange.api.problem.ProblemException;
import dev.grange.api.problem.ProblemType;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Takes a JSON object apart and remembers everything that is wrong with it, so that whoever sent it
 * mends it once and not once for each mistake.
 */
final class Fields {
  private final JsonNode object;
  private final Set<String> known = new HashSet<>();
  private final List<Problem.Detail> errors = new ArrayList<>();
  private @Nullable ProblemType first;

  Fields(JsonNode object) {
    this.object = object;
    if (!object.isObject()) {
      wrong(ProblemType.INVALID_FIELD, "", "The body is to be a JSON object.");
    }
  }

  void wrong(ProblemType type, String pointer, String detail) {
    if (first == null) {
      first = type;
    }
    errors.add(new Problem.Detail(detail, pointer));
  }

  /** Fails when anything was wrong. Names that nobody asked for are. */
  void finish() {
    for (Map.Entry<String, JsonNode> field : object.properties()) {
      if (!known.contains(field.getKey())) {
        String name = shown(field.getKey());
        wrong(
            ProblemType.UNKNOWN_FIELD,
            "/" + escape(field.getKey()),
            "There is no field \"" + name + "\". Is it misspelled? See Submission in /q/openapi.");
      }
    }
    if (first != null) {
      String detail =
          errors.size() == 1
              ? errors.getFirst().detail()
              : errors.size() + " things are wrong with the body: see errors.";
      throw new ProblemException(first, detail, errors);
    }
  }

  /**
   * A text.
   *
   * @param check answers what is wrong with it, or null
   * @return null when it is not there or not usable
   */
  @Nullable String text(String name, ProblemType type, Function<String, @Nullable String> check) {
    JsonNode node = take(name);
    return node == null ? null : text("/" + name, node, type, check);
  }

  @Nullable String requiredText(
      String name, ProblemType type, Function<String, @Nullable String> check) {
    if (take(name) == null) {
      wrong(type, "/" + name, "\"" + name + "\" is missing.");
      return null;
    }
    return text(name, type, check);
  }

  private @Nullable String text(
      String pointer, JsonNode node, ProblemType type, Function<String, @Nullable String> check) {
    if (!node.isTextual()) {
      wrong(ProblemType.INVALID_FIELD, pointer, "This is to be a string, not " + kind(node) + ".");
      return null;
    }
    String text = node.textValue();
    String problem =
        StandardCharsets.UTF_8.newEncoder().canEncode(text)
            ? check.apply(text)
            : "This has half of a surrogate pair, which is no character.";
    if (problem != null) {
      wrong(type, pointer, problem);
      return null;
    }
    return text;
  }

  /** A list of texts without repetition. */
  List<String> texts(
      String name,
      List<String> fallback,
      int min,
      int max,
      ProblemType type,
      Function<String, @Nullable String> check) {
    JsonNode node = take(name);
    if (node == null) {
      return fallback;
    }
    if (!node.isArray() || node.size() < min || node.size() > max) {
      wrong(
          ProblemType.INVALID_FIELD,
          "/" + name,
          "This is to be an array of " + min + " to " + max + " strings.");
      return fallback;
    }
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < node.size(); i++) {
      String text = text("/" + name + "/" + i, node.get(i), type, check);
      if (text != null && texts.contains(text)) {
        wrong(ProblemType.INVALID_FIELD, "/" + name + "/" + i, "This is there twice.");
      } else if (text != null) {
        texts.add(text);
      }
    }
    return texts;
  }

  /** An object of texts. */
  SortedMap<String, String> map(
      String name,
      int max,
      Function<String, @Nullable String> checkKey,
      Function<String, @Nullable String> checkValue) {
    SortedMap<String, String> map = new TreeMap<>();
    JsonNode node = take(name);
    if (node == null) {
      return map;
    }
    if (!node.isObject() || node.size() > max) {
      wrong(
          ProblemType.INVALID_FIELD,
          "/" + name,
          "This is to be an object with at most " + max + " strings.");
      return map;
    }
    for (Map.Entry<String, JsonNode> entry : node.properties()) {
      String pointer = "/" + name + "/" + escape(entry.getKey());
      String problem = checkKey.apply(entry.getKey());
      if (problem != null) {
        wrong(ProblemType.INVALID_FIELD, pointer, problem);
      }
      String value = text(pointer, entry.getValue(), ProblemType.INVALID_FIELD, checkValue);
      if (value != null) {
        map.put(entry.getKey(), value);
      }
    }
    return map;
  }

  int integer(String name, int fallback, int min, int max) {
    JsonNode node = take(name);
    if (node == null) {
      return fallback;
    }
    if (!node.isInt() || node.intValue() < min || node.intValue() > max) {
      wrong(
          ProblemType.INVALID_FIELD,
          "/" + name,
          "This is to be a whole number from " + min + " to " + max + ".");
      return fallback;
    }
    return node.intValue();
  }

  boolean bool(String name) {
    JsonNode node = take(name);
    if (node != null && !node.isBoolean()) {
      wrong(ProblemType.INVALID_FIELD, "/" + name, "This is to be true or false.");
    }
    return node != null && node.booleanValue();
  }

  /** The field's value; null when it is not there, or null. */
  private @Nullable JsonNode take(String name) {
    known.add(name);
    JsonNode node = object.get(name);
    return node == null || node.isNull() ? null : node;
  }

  private static String kind(JsonNode node) {
    return switch (node.getNodeType()) {
      case ARRAY -> "an array";
      case BOOLEAN -> "true or false";
      case NUMBER -> "a number";
      case OBJECT -> "an object";
      case NULL -> "null";
      case STRING, BINARY, MISSING, POJO -> "this";
    };
  }

  /** A name as part of a JSON pointer. */
  private static String escape(String name) {
    return shown(name).replace("~", "~0").replace("/", "~1");
  }

  private static String shown(String name) {
    return name.length() <= 100 ? name : name.substring(0, 100) + "…";
  }
}
