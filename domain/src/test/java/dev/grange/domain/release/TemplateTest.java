package dev.grange.domain.release;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TemplateTest {
  private static final Map<String, String> VALUES =
      Map.of("project", "default", "image", "hello", "odd", "{project}$1\\");

  @ParameterizedTest(name = "{0} becomes {1}")
  @CsvSource(
      quoteCharacter = '`',
      value = {
        "{project}/{image}, default/hello",
        "{image}{image}, hellohello",
        "plain, plain",
        "``, ``",
        "a{image}b, ahellob",
        // what has no value stays: somebody will see it
        "{unknown}/{image}, {unknown}/hello",
        "{}, {}",
        "{image, {image",
        "image}, image}",
        "{{image}}, {{image}}",
        // a value is not read as a template again
        "{odd}, {project}$1\\",
      })
  void placeholdersAreFilledOnceAndNothingElseIsTouched(String template, String filled) {
    assertThat(Template.fill(template, VALUES)).isEqualTo(filled);
  }
}
