/** The kind {@code local}: workers are processes of the scheduler's own machine. */
@NullMarked
package dev.grange.scheduler.cluster.local;

import org.jspecify.annotations.NullMarked;
