/** Reads what strangers send. */
@NullMarked
package dev.grange.api.body;

import org.jspecify.annotations.NullMarked;
