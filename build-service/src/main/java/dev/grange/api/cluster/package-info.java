/** Registering and operating clusters. */
@NullMarked
package dev.grange.api.cluster;

import org.jspecify.annotations.NullMarked;
