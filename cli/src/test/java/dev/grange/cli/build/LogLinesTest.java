package dev.grange.cli.build;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class LogLinesTest {

  private final LogLines lines = new LogLines();

  @Test
  void joins_pieces_that_end_anywhere() {
    assertThat(lines.add("a", "one\ntw")).extracting(LogLines.Line::text).containsExactly("one");
    assertThat(lines.add("b", "other\n")).extracting(LogLines.Line::text).containsExactly("other");
    assertThat(lines.add("a", "o\r\n\n"))
        .extracting(LogLines.Line::text)
        .containsExactly("two", "");
    assertThat(lines.finish("a")).isEmpty();
  }

  @Test
  void shows_a_last_line_without_an_end() {
    lines.add("a", "half");
    assertThat(lines.finish("a")).containsExactly(new LogLines.Line("half", false));
  }

  @Test
  void makes_headings_of_section_markers() {
    assertThat(
            lines.add(
                "a",
                """
                ::grange::section::push::start::2026-01-01T00:00:00.000Z
                ::grange::section::push::end::2026-01-01T00:01:02.000Z::exit=0
                """))
        .containsExactly(
            new LogLines.Line("── push", true),
            new LogLines.Line("── push done after 1 min 2 s", true));
  }

  @Test
  void leaves_alone_what_only_looks_like_a_marker() {
    assertThat(lines.add("a", "x ::grange::section::push::start::now\n"))
        .containsExactly(new LogLines.Line("x ::grange::section::push::start::now", false));
  }

  @Test
  void knows_the_step_in_which_a_log_stopped() {
    String log =
        """
        ::grange::section::fetch::start::2026-01-01T00:00:00Z
        ::grange::section::fetch::end::2026-01-01T00:00:01Z::exit=0
        ::grange::section::build::start::2026-01-01T00:00:01Z
        a
        b
        c
        ::grange::section::build::end::2026-01-01T00:00:02Z::exit=7
        """;
    assertThat(LogLines.tail(log, 2)).isEqualTo(new LogLines.Tail("build", List.of("b", "c")));
  }

  @Test
  void names_no_step_when_all_went_well() {
    String log =
        """
        ::grange::section::push::start::2026-01-01T00:00:00Z
        ::grange::section::push::end::2026-01-01T00:00:01Z::exit=0
        """;
    assertThat(LogLines.tail(log, 2)).isEqualTo(new LogLines.Tail("", List.of()));
  }
}
