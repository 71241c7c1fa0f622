package dev.grange.domain.placement;

import java.time.Instant;
import java.util.Set;
import java.util.UUID;

/**
 * Something that waits for a slot.
 *
 * @param id the execution's id, or the test run's
 * @param priority higher goes first within its project
 * @param since the older goes first among equals
 * @param avoid clusters on which it failed before: taken only when nothing else is left
 * @param warm clusters that had the same image lately, and so perhaps have its base layers
 */
public record Work(UUID id, int priority, Instant since, Set<String> avoid, Set<String> warm) {}
