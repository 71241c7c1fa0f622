/** The testbed tried, and the shipped farm tried on it. */
@NullMarked
package dev.grange.testbed;

import org.jspecify.annotations.NullMarked;
