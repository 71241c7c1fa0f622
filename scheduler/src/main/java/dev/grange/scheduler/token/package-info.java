/** The token service of the farm's own registries, docs/adr/0020. */
@NullMarked
package dev.grange.scheduler.token;

import org.jspecify.annotations.NullMarked;
