/** What was told of a build. */
@NullMarked
package dev.grange.api.event;

import org.jspecify.annotations.NullMarked;
