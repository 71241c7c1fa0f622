/** Finding the farm and talking to it. */
@NullMarked
package dev.grange.cli.farm;

import org.jspecify.annotations.NullMarked;
