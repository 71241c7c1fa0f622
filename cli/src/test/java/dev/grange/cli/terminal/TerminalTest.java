package dev.grange.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.TypeConversionException;

class TerminalTest {

  private static final String ESC = "\u001B";
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final PrintStream err = new PrintStream(bytes, true, StandardCharsets.UTF_8);

  @ParameterizedTest
  @CsvSource({"90,PT90S", "90s,PT90S", "15m,PT15M", "1h30m,PT90M", "2d,PT48H"})
  void reads_durations_as_people_write_them(String text, Duration duration) {
    assertThat(new Durations().convert(text)).isEqualTo(duration);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "soon", "-5", "0", "1.5h", "5x"})
  void refuses_what_is_no_duration(String text) {
    assertThatThrownBy(() -> new Durations().convert(text))
        .isInstanceOf(TypeConversionException.class);
  }

  @Test
  void removes_every_way_to_move_somebodys_cursor() {
    assertThat(
            Plain.text(
                "a" + ESC + "[2Jb" + ESC + "]0;t\u0007c" + ESC + "Md\r\u0008e\u009b2Jf" + ESC))
        .isEqualTo("abcde2Jf");
  }

  @Test
  void keeps_colours_and_ends_them() {
    assertThat(Plain.coloured(ESC + "[31mred" + ESC + "[1A"))
        .isEqualTo(ESC + "[31mred" + ESC + "[0m");
  }

  @Test
  void prints_plain_lines_and_no_status_without_a_terminal() {
    Progress progress = Progress.on(err, Map.of("TERM", "xterm"), false);
    progress.status("working");
    progress.line(Progress.Look.GOOD, "done");
    progress.end();
    assertThat(printed()).isEqualTo("done\n");
  }

  @Test
  void keeps_the_status_below_the_lines_on_a_terminal() {
    Progress progress =
        Progress.on(err, Map.of("TERM", "xterm", "GRANGE_TERMINAL", "stderr"), false);
    progress.status("working");
    progress.line(Progress.Look.GOOD, "done");
    progress.end();
    assertThat(printed())
        .isEqualTo(
            "⠙ working\r" + ESC + "[K" + ESC + "[32mdone" + ESC + "[0m\n⠙ working\r" + ESC + "[K");
  }

  @Test
  void respects_no_color() {
    Progress progress =
        Progress.on(
            err, Map.of("TERM", "xterm", "GRANGE_TERMINAL", "stderr", "NO_COLOR", "1"), false);
    progress.line(Progress.Look.GOOD, "done");
    progress.log("", ESC + "[31mred");
    assertThat(printed()).isEqualTo("done\nred\n");
  }

  @Test
  void says_nothing_when_it_is_to_be_quiet() {
    Progress progress =
        Progress.on(err, Map.of("TERM", "xterm", "GRANGE_TERMINAL", "stderr"), true);
    progress.status("working");
    progress.line("done");
    progress.log("", "log");
    progress.end();
    assertThat(printed()).isEmpty();
  }

  private String printed() {
    return bytes.toString(StandardCharsets.UTF_8);
  }
}
