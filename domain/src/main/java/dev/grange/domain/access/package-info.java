/** Who may do what in the farm's own registries. */
@NullMarked
package dev.grange.domain.access;

import org.jspecify.annotations.NullMarked;
