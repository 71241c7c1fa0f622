package dev.grange.events;

import java.util.UUID;

/**
 * One platform of a build.
 *
 * @param id of the platform build
 * @param executionId what is run for it; equal platform builds may share one
 * @param platform such as {@code linux/amd64}
 */
public record PlatformBuildFacts(UUID id, UUID executionId, String platform) {}
