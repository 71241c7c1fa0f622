/** From candidate to stable: tests, decisions, promotion. */
@NullMarked
package dev.grange.scheduler.release;

import org.jspecify.annotations.NullMarked;
