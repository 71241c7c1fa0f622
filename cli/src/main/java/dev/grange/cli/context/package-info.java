/** The directory that a build is made from, packed the same way every time. */
@NullMarked
package dev.grange.cli.context;

import org.jspecify.annotations.NullMarked;
