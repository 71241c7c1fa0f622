/** The farm's first demonstration: hello, from the queue to the stable registry. */
@NullMarked
package dev.grange.cli.demo;

import org.jspecify.annotations.NullMarked;
