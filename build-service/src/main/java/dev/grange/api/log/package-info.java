/** Logs as text with ranges, and as a stream. */
@NullMarked
package dev.grange.api.log;

import org.jspecify.annotations.NullMarked;
