/** The kind {@code kubernetes}: the only package that knows the Kubernetes API. */
@NullMarked
package dev.grange.scheduler.cluster.kubernetes;

import org.jspecify.annotations.NullMarked;
