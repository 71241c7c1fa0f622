/** What people see: progress on stderr, data on stdout. */
@NullMarked
package dev.grange.cli.terminal;

import org.jspecify.annotations.NullMarked;
