/** The schema, in SQL under {@code db/migration}. */
@NullMarked
package dev.grange.db;

import org.jspecify.annotations.NullMarked;
