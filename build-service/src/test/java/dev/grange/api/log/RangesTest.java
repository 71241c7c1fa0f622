package dev.grange.api.log;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class RangesTest {
  @Test
  void rangesAreReadAsTheSpecificationSays() {
    assertThat(ByteRange.of("bytes=0-", 10)).isEqualTo(new ByteRange(0, 10));
    assertThat(ByteRange.of("bytes=2-4", 10)).isEqualTo(new ByteRange(2, 5));
    assertThat(ByteRange.of("bytes=2-40", 10)).isEqualTo(new ByteRange(2, 10));
    assertThat(ByteRange.of("bytes=-3", 10)).isEqualTo(new ByteRange(7, 10));
    assertThat(ByteRange.of("bytes=-30", 10)).isEqualTo(new ByteRange(0, 10));
    assertThat(ByteRange.of("bytes=10-", 10)).isEqualTo(ByteRange.UNSATISFIABLE);
    assertThat(ByteRange.of("bytes=-0", 10)).isEqualTo(ByteRange.UNSATISFIABLE);
    assertThat(ByteRange.of("bytes=-5", 0)).isEqualTo(ByteRange.UNSATISFIABLE);
    for (String ignored :
        new String[] {
          "bytes=-", "bytes=4-2", "bytes=1-2,4-5", "items=1-2", "bytes=" + "9".repeat(30)
        }) {
      assertThat(ByteRange.of(ignored, 10)).as(ignored).isNull();
    }
    assertThat(ByteRange.of(null, 10)).isNull();
  }

  @Test
  void textIsCutBetweenCharacters() {
    byte[] text = "é☃😀".getBytes(StandardCharsets.UTF_8);
    int[] whole = {0, 0, 2, 2, 2, 5, 5, 5, 5, 9};
    for (int length = 0; length <= text.length; length++) {
      assertThat(Utf8.wholeCharacters(java.util.Arrays.copyOf(text, length)))
          .isEqualTo(whole[length]);
    }
  }

  @Test
  void bytesThatAreNoTextDoNotHoldAnythingUp() {
    assertThat(
            Utf8.wholeCharacters(new byte[] {(byte) 0x80, (byte) 0x80, (byte) 0x80, (byte) 0x80}))
        .isEqualTo(4);
    assertThat(Utf8.wholeCharacters(new byte[] {(byte) 0xff})).isEqualTo(1);
    assertThat(Utf8.wholeCharacters(new byte[] {(byte) 0xc3, 'a'})).isEqualTo(2);
  }
}
