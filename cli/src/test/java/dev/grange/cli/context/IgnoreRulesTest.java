package dev.grange.cli.context;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class IgnoreRulesTest {

  @ParameterizedTest
  @CsvSource({
    "node_modules, node_modules, true",
    "node_modules, node_modules/a/b.js, true",
    "node_modules, sub/node_modules, false",
    "/build/, build/x, true",
    "*.log, a.log, true",
    "*.log, sub/a.log, false",
    "**/*.log, a.log, true",
    "**/*.log, sub/deep/a.log, true",
    "sub/**, sub/a/b, true",
    "sub/**, sub, false",
    "**, anything/at/all, true",
    "a?c, abc, true",
    "a?c, a/c, false",
    "[a-c].txt, b.txt, true",
    "[^a-c].txt, b.txt, false",
    "[^a-c].txt, d.txt, true",
    "./x/../y, y, true",
    "a.b, axb, false",
    "a+b(c), a+b(c), true",
    "'\\*', '*', true",
    "'\\*', x, false",
    "*, .hidden, true",
  })
  void matches_as_docker_does(String pattern, String path, boolean ignored) {
    assertThat(IgnoreRules.parse(List.of(pattern)).ignores(path)).isEqualTo(ignored);
  }

  @Test
  void lets_the_last_match_win() {
    IgnoreRules rules = IgnoreRules.parse(List.of("*.md", "!README*.md", "README-secret.md"));
    assertThat(rules.ignores("notes.md")).isTrue();
    assertThat(rules.ignores("README.md")).isFalse();
    assertThat(rules.ignores("README-secret.md")).isTrue();
  }

  @Test
  void takes_back_what_lies_below_an_ignored_directory() {
    IgnoreRules rules = IgnoreRules.parse(List.of("docs", "!docs/keep.txt"));
    assertThat(rules.ignores("docs/other.txt")).isTrue();
    assertThat(rules.ignores("docs/keep.txt")).isFalse();
    assertThat(rules.mayTakeBack()).isTrue();
  }

  @Test
  void skips_comments_and_empty_lines_and_a_byte_order_mark() {
    IgnoreRules rules = IgnoreRules.parse(List.of("\uFEFFa", "", "  ", "# b", " c ", "/"));
    assertThat(rules.ignores("a")).isTrue();
    assertThat(rules.ignores("b")).isFalse();
    assertThat(rules.ignores("# b")).isFalse();
    assertThat(rules.ignores("c")).isTrue();
    assertThat(rules.ignores("d")).isFalse();
  }

  @Test
  void refuses_what_it_cannot_understand() {
    assertThatThrownBy(() -> IgnoreRules.parse(List.of("[a")))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
