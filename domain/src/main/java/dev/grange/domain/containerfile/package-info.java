/** Reads a Containerfile as far as it takes to refuse a broken one before a cluster is bothered. */
@NullMarked
package dev.grange.domain.containerfile;

import org.jspecify.annotations.NullMarked;
