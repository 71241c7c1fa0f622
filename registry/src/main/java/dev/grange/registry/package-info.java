/** A client of OCI registries. */
@NullMarked
package dev.grange.registry;

import org.jspecify.annotations.NullMarked;
