/** What the farm needs from a cluster, whatever its kind. */
@NullMarked
package dev.grange.scheduler.cluster;

import org.jspecify.annotations.NullMarked;
