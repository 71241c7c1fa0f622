/** What attempts mean for their build, and the index that makes it whole. */
@NullMarked
package dev.grange.scheduler.build;

import org.jspecify.annotations.NullMarked;
