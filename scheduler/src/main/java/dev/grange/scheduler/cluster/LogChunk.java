package dev.grange.scheduler.cluster;

/** A part of a pod's log. */
public final class LogChunk {
  private final byte[] bytes;
  private final String position;
  private final boolean end;

  /**
   * A part of a log.
   *
   * @param bytes not changed by anybody any more
   * @param position where the next part begins: the cluster's word, stored with the bytes
   * @param end whether all that was written so far is delivered with this; of a pod that has ended:
   *     all that it ever wrote
   */
  public LogChunk(byte[] bytes, String position, boolean end) {
    this.bytes = bytes;
    this.position = position;
    this.end = end;
  }

  public byte[] bytes() {
    return bytes;
  }

  public String position() {
    return position;
  }

  public boolean isEnd() {
    return end;
  }
}
