/** Clusters, as far as a client may look. */
@NullMarked
package dev.grange.cli.cluster;

import org.jspecify.annotations.NullMarked;
