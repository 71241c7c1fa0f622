/** Real Kubernetes clusters of this machine, and what may go wrong with them. */
@NullMarked
package dev.grange.testbed;

import org.jspecify.annotations.NullMarked;
