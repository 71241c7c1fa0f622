package dev.grange.domain.build;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class FailureTest {
  private static String message(String text) {
    return new Failure(Reason.BUILD_FAILED, text).message();
  }

  @Test
  void aMessageThatFitsStaysAsItIs() {
    String text = "x".repeat(Failure.MAX_MESSAGE);
    assertThat(message(text)).isEqualTo(text);
  }

  @Test
  void aLongMessageKeepsItsEndAndShowsThatItWasCut() {
    String kept = message("begin " + "x".repeat(Failure.MAX_MESSAGE) + " end");
    assertThat(kept).hasSize(Failure.MAX_MESSAGE).startsWith("…x").endsWith(" end");
  }

  @Test
  void noNulReachesTheDatabase() {
    assertThat(message("a\0b")).isEqualTo("a\uFFFDb");
  }

  @Test
  void aPairOfSurrogatesIsNotCutInHalf() {
    String kept = message("x" + "😀".repeat(Failure.MAX_MESSAGE));
    assertThat(kept.length()).isLessThanOrEqualTo(Failure.MAX_MESSAGE);
    assertThat(Character.isLowSurrogate(kept.charAt(1))).isFalse();
    assertThat(kept).endsWith("😀");
  }

  @Test
  void halfAPairWhichNoUtf8CanWriteIsReplaced() {
    assertThat(message("a\uD83Db\uDE00c😀\uD83D")).isEqualTo("a\uFFFDb\uFFFDc😀\uFFFD");
  }
}
