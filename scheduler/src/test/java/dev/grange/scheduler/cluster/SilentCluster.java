package dev.grange.scheduler.cluster;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/** A cluster without pods, for a test to say what else it does. */
public class SilentCluster implements ClusterGateway {
  @Override
  public String ensure(PodRequest request) throws ClusterException {
    return request.podName();
  }

  @Override
  public Optional<PodView> see(String podName) throws ClusterException {
    return Optional.empty();
  }

  @Override
  public LogChunk log(String podName, String position, int limit) throws ClusterException {
    return new LogChunk(new byte[0], position, true);
  }

  @Override
  public void stop(String podName, Duration grace) throws ClusterException {}

  @Override
  public void remove(String podName) throws ClusterException {}

  @Override
  public List<String> pods() throws ClusterException {
    return List.of();
  }

  @Override
  public void watch(Consumer<String> listener) {}

  @Override
  public ClusterReport check(Consumer<ClusterReport.Finding> found) {
    return ClusterReport.of(List.of(), Map.of());
  }
}
