package dev.grange.domain;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Texts that are kept beside the tests, so that a change of what is rendered is seen as a change of
 * a file. {@code -Dgolden=update} writes them anew.
 */
public final class Golden {
  private static final Path MODULE = Path.of(System.getProperty("basedir", "")).toAbsolutePath();

  private Golden() {}

  /** Compares with {@code src/test/resources/golden/NAME}. */
  public static void assertSame(String name, String actual) {
    Path file = MODULE.resolve("src/test/resources/golden").resolve(name);
    if (updates()) {
      write(file, actual);
    }
    assertThat(file).as("to write it anew: -Dgolden=update").exists();
    assertThat(actual).as("%s; to write it anew: -Dgolden=update", name).isEqualTo(read(file));
  }

  /**
   * Compares what stands between {@code <!-- generated: NAME -->} and {@code <!-- end -->} in a
   * page under docs/.
   */
  public static void assertSameInPage(String page, String name, String actual) {
    Path file = MODULE.resolve("../docs").resolve(page).normalize();
    String start = "<!-- generated: " + name + " -->\n";
    String end = "\n<!-- end -->";
    String text = read(file);
    int from = text.indexOf(start);
    assertThat(from).as("%s has no place for %s", page, name).isNotNegative();
    from += start.length();
    int to = text.indexOf(end, from);
    assertThat(to).as("%s: %s has no end", page, name).isNotNegative();
    if (updates()) {
      write(file, text.substring(0, from) + actual.strip() + text.substring(to));
      return;
    }
    assertThat(text.substring(from, to))
        .as("docs/%s is stale: -Dgolden=update writes %s anew", page, name)
        .isEqualTo(actual.strip());
  }

  private static boolean updates() {
    return "update".equals(System.getProperty("golden"));
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void write(Path file, String text) {
    try {
      Files.createDirectories(file.getParent());
      Files.writeString(file, text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
