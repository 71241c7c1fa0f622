package dev.grange.events;

import java.util.Arrays;
import java.util.Optional;

/**
 * Every type of event that the farm publishes. The words and versions are those of CDEvents 0.5.1
 * where it has a word; {@code dev.cdeventsx.grange-*} are ours, in the form that its schema for
 * custom events demands: a tool's name without dashes, letters for subject and predicate, versions
 * of single digits.
 */
public enum EventType {
  BUILD_QUEUED("dev.cdevents.build.queued.0.3.0", Topic.BUILDS, CustomData.BUILD),
  BUILD_STARTED("dev.cdevents.build.started.0.3.0", Topic.BUILDS, CustomData.BUILD),
  BUILD_FINISHED("dev.cdevents.build.finished.0.3.0", Topic.BUILDS, CustomData.BUILD),
  TASKRUN_STARTED("dev.cdevents.taskrun.started.0.3.0", Topic.BUILDS, CustomData.PLATFORM_BUILD),
  TASKRUN_FINISHED("dev.cdevents.taskrun.finished.0.3.0", Topic.BUILDS, CustomData.PLATFORM_BUILD),
  EXECUTION_RETRIED(
      "dev.cdeventsx.grange-execution.retried.0.1.0", Topic.BUILDS, CustomData.EXECUTION),
  EXECUTION_INTERRUPTED(
      "dev.cdeventsx.grange-execution.interrupted.0.1.0", Topic.BUILDS, CustomData.EXECUTION),
  ARTIFACT_PACKAGED("dev.cdevents.artifact.packaged.0.3.0", Topic.BUILDS, CustomData.CANDIDATE),
  RELEASE_OPENED("dev.cdeventsx.grange-release.opened.0.1.0", Topic.RELEASES, CustomData.RELEASE),
  RELEASE_WITHDRAWN(
      "dev.cdeventsx.grange-release.withdrawn.0.1.0", Topic.RELEASES, CustomData.RELEASE),
  TESTSUITERUN_QUEUED(
      "dev.cdevents.testsuiterun.queued.0.3.0", Topic.RELEASES, CustomData.TEST_RUN),
  TESTSUITERUN_STARTED(
      "dev.cdevents.testsuiterun.started.0.3.0", Topic.RELEASES, CustomData.TEST_RUN),
  TESTSUITERUN_FINISHED(
      "dev.cdevents.testsuiterun.finished.0.3.0", Topic.RELEASES, CustomData.TEST_RUN),
  DECISION_CHANGED(
      "dev.cdeventsx.grange-decision.changed.0.1.0", Topic.RELEASES, CustomData.DECISION),
  ARTIFACT_PUBLISHED("dev.cdevents.artifact.published.0.3.0", Topic.RELEASES, CustomData.PUBLISHED),
  PROMOTION_FINISHED(
      "dev.cdeventsx.grange-promotion.finished.0.1.0", Topic.RELEASES, CustomData.PROMOTION),
  CLUSTER_REGISTERED(
      "dev.cdeventsx.grange-cluster.registered.0.1.0", Topic.CLUSTERS, CustomData.CLUSTER),
  CLUSTER_CORDONED(
      "dev.cdeventsx.grange-cluster.cordoned.0.1.0", Topic.CLUSTERS, CustomData.CLUSTER),
  CLUSTER_DRAINING(
      "dev.cdeventsx.grange-cluster.draining.0.1.0", Topic.CLUSTERS, CustomData.CLUSTER),
  CLUSTER_DRAINED("dev.cdeventsx.grange-cluster.drained.0.1.0", Topic.CLUSTERS, CustomData.CLUSTER),
  CLUSTER_UNCORDONED(
      "dev.cdeventsx.grange-cluster.uncordoned.0.1.0", Topic.CLUSTERS, CustomData.CLUSTER),
  CLUSTER_REMOVED("dev.cdeventsx.grange-cluster.removed.0.1.0", Topic.CLUSTERS, CustomData.CLUSTER),
  CLUSTER_REACHABLE(
      "dev.cdeventsx.grange-cluster.reachable.0.1.0", Topic.CLUSTERS, CustomData.CLUSTER),
  CLUSTER_UNREACHABLE(
      "dev.cdeventsx.grange-cluster.unreachable.0.1.0", Topic.CLUSTERS, CustomData.CLUSTER);

  private final String typeName;
  private final Topic topic;
  private final String customData;

  EventType(String typeName, Topic topic, String customData) {
    this.typeName = typeName;
    this.topic = topic;
    this.customData = customData;
  }

  /** The type as it stands in {@code context.type} and {@code ce_type}. */
  public String typeName() {
    return typeName;
  }

  /** The topic on which events of this type are published. */
  public Topic topic() {
    return topic;
  }

  /** {@code customData.schema}: which schema of ours the custom data follows, with its version. */
  public String customData() {
    return customData;
  }

  /** The type with that name, if it is one of the farm's. */
  public static Optional<EventType> of(String typeName) {
    return Arrays.stream(values()).filter(type -> type.typeName.equals(typeName)).findFirst();
  }

  /** A constant's own enum cannot hold what its constructor needs, so the names live here. */
  private static final class CustomData {
    static final String BUILD = "grange.build/1";
    static final String PLATFORM_BUILD = "grange.platform-build/1";
    static final String EXECUTION = "grange.execution/1";
    static final String CANDIDATE = "grange.candidate/1";
    static final String RELEASE = "grange.release/1";
    static final String TEST_RUN = "grange.test-run/1";
    static final String DECISION = "grange.decision/1";
    static final String PUBLISHED = "grange.published/1";
    static final String PROMOTION = "grange.promotion/1";
    static final String CLUSTER = "grange.cluster/1";

    private CustomData() {}
  }
}
