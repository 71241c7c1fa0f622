/** What a worker is told to run, and what its answer means. */
@NullMarked
package dev.grange.domain.worker;

import org.jspecify.annotations.NullMarked;
