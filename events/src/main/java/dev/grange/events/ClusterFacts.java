package dev.grange.events;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;

/**
 * What every event about a cluster says of it.
 *
 * @param name orders the cluster's events: it is their key
 * @param kind {@code kubernetes} or {@code local}
 * @param slots how many attempts it may run at once
 * @param platforms that it builds for
 * @param desired {@code ACTIVE}, {@code CORDONED} or {@code DRAINING}, after what the event tells
 */
public record ClusterFacts(
    String name, String kind, int slots, List<String> platforms, String desired) {

  public ClusterFacts {
    platforms = List.copyOf(platforms);
  }

  void writeTo(ObjectNode customData) {
    ObjectNode cluster =
        customData.putObject("cluster").put("name", name).put("kind", kind).put("slots", slots);
    CdEvent.strings(cluster, "platforms", platforms);
    cluster.put("desired", desired);
  }
}
