/** The lifecycle of builds, their executions and attempts, and what a failure means. */
@NullMarked
package dev.grange.domain.build;

import org.jspecify.annotations.NullMarked;
