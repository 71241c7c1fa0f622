/** Uploaded contexts: taken apart with suspicion, put together anew. */
@NullMarked
package dev.grange.api.context;

import org.jspecify.annotations.NullMarked;
