package dev.grange.domain.worker;

import org.jspecify.annotations.Nullable;

/**
 * What a worker says about its end. It comes from beside a build that may be hostile: nothing in it
 * is believed without a look at the registry.
 *
 * @param succeeded what it says
 * @param digest of the image it pushed
 * @param step that failed
 * @param reason a {@link dev.grange.domain.build.Reason#code()}, or {@code Interrupted}
 * @param exit of the failed step
 * @param message the last lines of its log
 */
public record WorkerResult(
    boolean succeeded,
    @Nullable String digest,
    @Nullable String step,
    @Nullable String reason,
    @Nullable Integer exit,
    @Nullable String message) {}
