/** One attempt from its pod's creation to its end: dispatch, observation, log, verdict. */
@NullMarked
package dev.grange.scheduler.attempt;

import org.jspecify.annotations.NullMarked;
