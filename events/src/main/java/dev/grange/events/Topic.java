package dev.grange.events;

/**
 * The Kafka topics that the farm writes. The version is in the name: a change that breaks readers
 * is a new topic beside the old one.
 */
public enum Topic {
  /** Builds, their platform builds and their candidates. Key: the build's id. */
  BUILDS("grange.builds.v1"),
  /** From candidate to stable: tests, decisions, promotions. Key: the build's id. */
  RELEASES("grange.releases.v1"),
  /** Clusters. Key: the cluster's name. */
  CLUSTERS("grange.clusters.v1");

  private final String topicName;

  Topic(String topicName) {
    this.topicName = topicName;
  }

  /** The name that Kafka knows. */
  public String topicName() {
    return topicName;
  }
}
