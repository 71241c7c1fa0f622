package dev.grange.scheduler.build;

import dev.grange.events.BuildFacts;

/**
 * The right to make a build's index. What is written in its name is conditional on the epoch of the
 * build's row.
 *
 * @param tries that have failed
 */
public record IndexClaim(BuildFacts build, long epoch, int tries) {}
