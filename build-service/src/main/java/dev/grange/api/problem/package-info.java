/** How the API says no. */
@NullMarked
package dev.grange.api.problem;

import org.jspecify.annotations.NullMarked;
