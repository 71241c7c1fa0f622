/** Benchmarks of the farm as it is shipped, each beside what one would use instead. */
@NullMarked
package dev.grange.bench;

import org.jspecify.annotations.NullMarked;
