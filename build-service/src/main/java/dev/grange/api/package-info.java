/** The HTTP API: it records what people want. */
@NullMarked
package dev.grange.api;

import org.jspecify.annotations.NullMarked;
