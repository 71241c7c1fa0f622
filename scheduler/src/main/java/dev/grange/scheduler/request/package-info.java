/** Answers what people asked for other than builds. */
@NullMarked
package dev.grange.scheduler.request;

import org.jspecify.annotations.NullMarked;
