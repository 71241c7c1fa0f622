package dev.grange.domain.placement;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The head of a lane.
 *
 * @param heads the first of it, in the order in which they are to be served; as many as there are
 *     slots for them, at most
 * @param overdue it has waited long and nothing of it was served meanwhile: it goes first once, so
 *     that no share, however small, is nothing
 * @param served when something of it was placed last while more waited; null when that is not known
 */
public record Queue(Lane lane, List<Work> heads, boolean overdue, @Nullable Instant served) {
  public Queue {
    heads = List.copyOf(heads);
  }
}
