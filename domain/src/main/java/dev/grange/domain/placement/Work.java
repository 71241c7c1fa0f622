package dev.grange.domain.placement;

import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Something that waits for a slot.
 *
 * @param id the execution's id, or the test run's
 * @param test a test goes first: it finishes what was begun, a build begins something new
 * @param platform such as {@code linux/amd64}
 * @param avoid clusters on which it failed before: taken only when nothing else is left
 * @param cluster the only one that may have it; null for any
 */
public record Work(
    UUID id,
    boolean test,
    String project,
    String platform,
    Set<String> avoid,
    @Nullable String cluster) {}
