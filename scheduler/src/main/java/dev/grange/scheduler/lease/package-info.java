/** Who looks after what: leases on the database's clock, with epochs. */
@NullMarked
package dev.grange.scheduler.lease;

import org.jspecify.annotations.NullMarked;
