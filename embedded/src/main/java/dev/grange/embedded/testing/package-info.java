/** Services for integration tests: started with one call, gone afterwards. */
@NullMarked
package dev.grange.embedded.testing;

import org.jspecify.annotations.NullMarked;
