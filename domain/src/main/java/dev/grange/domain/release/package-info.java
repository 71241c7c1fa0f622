/** Whether a candidate may become stable, and where it goes then. */
@NullMarked
package dev.grange.domain.release;

import org.jspecify.annotations.NullMarked;
