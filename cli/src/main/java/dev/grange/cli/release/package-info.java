/** Releases. */
@NullMarked
package dev.grange.cli.release;

import org.jspecify.annotations.NullMarked;
