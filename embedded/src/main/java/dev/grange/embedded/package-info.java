/** The real services that tests and the standalone farm run by themselves. */
@NullMarked
package dev.grange.embedded;

import org.jspecify.annotations.NullMarked;
