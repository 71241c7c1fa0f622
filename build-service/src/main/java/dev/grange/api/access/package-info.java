/** Who calls, and what they may see and do. */
@NullMarked
package dev.grange.api.access;

import org.jspecify.annotations.NullMarked;
