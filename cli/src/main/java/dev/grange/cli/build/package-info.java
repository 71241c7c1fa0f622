/** Builds: submit, follow, look at, cancel, retry. */
@NullMarked
package dev.grange.cli.build;

import org.jspecify.annotations.NullMarked;
