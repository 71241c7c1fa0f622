/** The client. */
@NullMarked
package dev.grange.cli;

import org.jspecify.annotations.NullMarked;
