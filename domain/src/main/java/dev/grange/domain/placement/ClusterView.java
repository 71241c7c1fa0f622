package dev.grange.domain.placement;

import java.util.Set;

/**
 * What placement needs to know of a cluster.
 *
 * @param takesWork desired ACTIVE
 * @param reachable what was seen last
 * @param held somebody holds the cluster's lease, so that an attempt on it is looked after
 * @param slots how many attempts it takes at once
 * @param used attempts that hold a slot
 */
public record ClusterView(
    String name,
    boolean takesWork,
    boolean reachable,
    boolean held,
    Set<String> platforms,
    int slots,
    int used,
    int weight) {}
