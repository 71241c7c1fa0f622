/** Builds: submitting, reading, cancelling, trying again. */
@NullMarked
package dev.grange.api.build;

import org.jspecify.annotations.NullMarked;
