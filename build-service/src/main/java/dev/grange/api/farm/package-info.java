/** The farm as a whole: clusters, settings, health. */
@NullMarked
package dev.grange.api.farm;

import org.jspecify.annotations.NullMarked;
