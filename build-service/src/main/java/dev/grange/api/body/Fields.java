package dev.grange.api.body;

import com.fasterxml.jackson.databind.JsonNode;
import dev.grange.api.problem.Problem;
import dev.grange.api.problem.ProblemException;
import dev.grange.api.problem.ProblemType;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Takes a JSON object apart and remembers everything that is wrong with it, so that whoever sent it
 * mends it once and not once for each mistake.
 */
public final class Fields {
  private final JsonNode object;
  private final String schema;

  /** Of this object within the body, as a JSON pointer. */
  private final String place;

  private final Errors errors;
  private final Set<String> known = new HashSet<>();
  private final List<Fields> inner = new ArrayList<>();

  /** What is wrong anywhere in the body. */
  private static final class Errors {
    private final List<Problem.Detail> all = new ArrayList<>();
    private @Nullable ProblemType first;
  }

  /**
   * Takes a body apart.
   *
   * @param schema its name in the API's document
   */
  public Fields(JsonNode object, String schema) {
    this(object, schema, "", new Errors());
    if (!object.isObject()) {
      wrong(ProblemType.INVALID_FIELD, "", "The body is to be a JSON object.");
    }
  }

  private Fields(JsonNode object, String schema, String place, Errors errors) {
    this.object = object;
    this.schema = schema;
    this.place = place;
    this.errors = errors;
  }

  /**
   * Something is wrong.
   *
   * @param pointer into this object
   */
  public void wrong(ProblemType type, String pointer, String detail) {
    if (errors.first == null) {
      errors.first = type;
    }
    errors.all.add(new Problem.Detail(detail, place + pointer));
  }

  /** An object in this one; empty when it is not there, or not an object. */
  public Optional<Fields> object(String name) {
    JsonNode node = take(name);
    if (node == null) {
      return Optional.empty();
    }
    return inner(node, "/" + name);
  }

  /** A list of objects. */
  public List<Fields> objects(String name, int max) {
    JsonNode node = take(name);
    if (node == null) {
      return List.of();
    }
    if (!node.isArray() || node.size() > max) {
      wrong(
          ProblemType.INVALID_FIELD,
          "/" + name,
          "This is to be an array of at most " + max + " objects.");
      return List.of();
    }
    List<Fields> all = new ArrayList<>();
    for (int i = 0; i < node.size(); i++) {
      inner(node.get(i), "/" + name + "/" + i).ifPresent(all::add);
    }
    return all;
  }

  private Optional<Fields> inner(JsonNode node, String pointer) {
    if (!node.isObject()) {
      wrong(ProblemType.INVALID_FIELD, pointer, "This is to be an object, not " + kind(node) + ".");
      return Optional.empty();
    }
    Fields fields = new Fields(node, schema, place + pointer, errors);
    inner.add(fields);
    return Optional.of(fields);
  }

  /** Whether the field is there, and not null. */
  public boolean has(String name) {
    return take(name) != null;
  }

  /** The names that are there. */
  public Set<String> names() {
    Set<String> names = new TreeSet<>();
    object.fieldNames().forEachRemaining(names::add);
    return names;
  }

  /** Fails when anything was wrong. Names that nobody asked for are. */
  public void finish() {
    lookForUnknown();
    ProblemType first = errors.first;
    if (first != null) {
      String detail =
          errors.all.size() == 1
              ? errors.all.getFirst().detail()
              : errors.all.size() + " things are wrong with the body: see errors.";
      throw new ProblemException(first, detail, errors.all);
    }
  }

  private void lookForUnknown() {
    for (Map.Entry<String, JsonNode> field : object.properties()) {
      if (!known.contains(field.getKey())) {
        String name = shown(field.getKey());
        wrong(
            ProblemType.UNKNOWN_FIELD,
            "/" + escape(field.getKey()),
            "There is no field \""
                + name
                + "\". Is it misspelled? See "
                + schema
                + " in /q/openapi.");
      }
    }
    inner.forEach(Fields::lookForUnknown);
  }

  /**
   * A text.
   *
   * @param check answers what is wrong with it, or null
   * @return null when it is not there or not usable
   */
  public @Nullable String text(
      String name, ProblemType type, Function<String, @Nullable String> check) {
    JsonNode node = take(name);
    return node == null ? null : text("/" + name, node, type, check);
  }

  public @Nullable String requiredText(
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
  public List<String> texts(
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
  public SortedMap<String, String> map(
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

  public int integer(String name, int fallback, int min, int max) {
    return (int) whole(name, fallback, min, max);
  }

  public long whole(String name, long fallback, long min, long max) {
    JsonNode node = take(name);
    if (node == null) {
      return fallback;
    }
    if (!node.isIntegralNumber()
        || !node.canConvertToLong()
        || node.longValue() < min
        || node.longValue() > max) {
      wrong(
          ProblemType.INVALID_FIELD,
          "/" + name,
          "This is to be a whole number from " + min + " to " + max + ".");
      return fallback;
    }
    return node.longValue();
  }

  public boolean bool(String name) {
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
