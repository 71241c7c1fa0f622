package dev.grange.domain.placement;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import org.jspecify.annotations.Nullable;

/**
 * What an operator wants of a cluster and what was seen of it. What it answered is left out: it may
 * name hosts, and everybody whose build waits reads these words.
 *
 * @param desired ACTIVE, CORDONED or DRAINING
 * @param by who wanted that, with {@code note}: why; nobody, for a cluster that is new
 * @param reachable what was seen last; null when nobody has looked
 * @param since when that was first seen
 * @param backoff no work before then, because it erred
 * @param held somebody holds its lease, so that an attempt on it is looked after
 */
public record ClusterState(
    String desired,
    @Nullable String by,
    @Nullable String note,
    @Nullable Boolean reachable,
    @Nullable Instant since,
    @Nullable Instant backoff,
    boolean held) {

  /** Why it takes no work, in words that change only when that does; null when it takes some. */
  public @Nullable String closed() {
    if (desired.equals("CORDONED") && by == null) {
      return "is cordoned until its first check passes";
    }
    if (!desired.equals("ACTIVE")) {
      return (desired.equals("DRAINING") ? "is being drained" : "is cordoned")
          + (by == null ? "" : " by " + by)
          + (note == null || note.isBlank() ? "" : ": " + note);
    }
    if (reachable == null) {
      return "nobody has reached it yet";
    }
    if (!reachable) {
      return "cannot be reached" + (since == null ? "" : " since " + time(since));
    }
    if (!held) {
      return "no scheduler looks after it now";
    }
    if (backoff != null) {
      return "erred and gets no work before " + time(backoff);
    }
    return null;
  }

  private static String time(Instant at) {
    return at.truncatedTo(ChronoUnit.SECONDS).toString();
  }
}
