package dev.grange.domain.release;

import java.util.Map;

/**
 * Text with placeholders in braces, as policies use them: {@code {project}}, {@code {image}},
 * {@code {build}}, {@code {short_id}}, {@code {digest}} and, in commands, {@code {candidate}}.
 */
public final class Template {
  private Template() {}

  /** A placeholder that has no value stays as it is: somebody will see it. */
  public static String fill(String template, Map<String, String> values) {
    StringBuilder filled = new StringBuilder();
    int at = 0;
    while (at < template.length()) {
      int open = template.indexOf('{', at);
      int close = open < 0 ? -1 : template.indexOf('}', open);
      if (close < 0) {
        break;
      }
      String value = values.get(template.substring(open + 1, close));
      filled
          .append(template, at, open)
          .append(value == null ? template.substring(open, close + 1) : value);
      at = close + 1;
    }
    return filled.append(template.substring(at)).toString();
  }
}
