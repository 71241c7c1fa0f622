/** The outbox, on its way to Kafka. */
@NullMarked
package dev.grange.scheduler.relay;

import org.jspecify.annotations.NullMarked;
