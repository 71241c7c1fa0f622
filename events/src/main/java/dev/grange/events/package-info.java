/** What the farm tells the world: CloudEvents that speak the vocabulary of CDEvents. */
@NullMarked
package dev.grange.events;

import org.jspecify.annotations.NullMarked;
