/** The client: its entry point and root command. */
@NullMarked
package dev.grange.cli;

import org.jspecify.annotations.NullMarked;
