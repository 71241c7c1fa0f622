/** Places, dispatches and observes builds, and records what happened. */
@NullMarked
package dev.grange.scheduler;

import org.jspecify.annotations.NullMarked;
