package dev.grange.api.log;

/** Where bytes may be cut without cutting a character in two. */
final class Utf8 {
  private Utf8() {}

  /**
   * How many of the bytes are whole characters: all of them, or all but the start of one at the
   * end. What is no UTF-8 at all counts as whole; decoding puts U+FFFD in its place.
   */
  static int wholeCharacters(byte[] bytes) {
    for (int back = 1; back <= Math.min(3, bytes.length); back++) {
      int b = bytes[bytes.length - back] & 0xff;
      if (b >= 0xc0) {
        int needed = b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : 2;
        return b < 0xf8 && needed > back ? bytes.length - back : bytes.length;
      }
      if (b < 0x80) {
        return bytes.length;
      }
    }
    return bytes.length;
  }
}
