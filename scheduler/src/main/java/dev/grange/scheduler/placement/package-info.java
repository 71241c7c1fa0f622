/**
 * From the queue to attempts: the round that asks {@code domain.placement} and writes what it says.
 */
@NullMarked
package dev.grange.scheduler.placement;

import org.jspecify.annotations.NullMarked;
