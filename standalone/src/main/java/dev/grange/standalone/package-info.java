/** The supervisor of a farm on one machine. */
@NullMarked
package dev.grange.standalone;

import org.jspecify.annotations.NullMarked;
