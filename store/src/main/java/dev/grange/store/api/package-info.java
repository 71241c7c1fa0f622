/**
 * What the HTTP API reads and writes. Plain rows go through Panache repositories; what must be one
 * statement, or must read one snapshot, is written out as SQL.
 */
@NullMarked
package dev.grange.store.api;

import org.jspecify.annotations.NullMarked;
