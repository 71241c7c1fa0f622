/** What the farm remembers, in PostgreSQL. */
@NullMarked
package dev.grange.store;

import org.jspecify.annotations.NullMarked;
