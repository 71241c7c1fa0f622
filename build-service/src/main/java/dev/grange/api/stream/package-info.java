/** Server-sent events. */
@NullMarked
package dev.grange.api.stream;

import org.jspecify.annotations.NullMarked;
