/** Decisions of the farm, as pure functions over small records. */
@NullMarked
package dev.grange.domain;

import org.jspecify.annotations.NullMarked;
