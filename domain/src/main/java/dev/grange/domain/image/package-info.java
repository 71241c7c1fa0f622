/**
 * Names of images, tags and platforms, and the digests that stand for what a build is made from.
 */
@NullMarked
package dev.grange.domain.image;

import org.jspecify.annotations.NullMarked;
