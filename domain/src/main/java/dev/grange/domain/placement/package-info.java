/** Which execution goes to which cluster, and why the others wait. */
@NullMarked
package dev.grange.domain.placement;

import org.jspecify.annotations.NullMarked;
