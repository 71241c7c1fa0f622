package dev.grange.scheduler;

import dev.grange.embedded.testing.TestDatabase;
import dev.grange.embedded.testing.TestServices;
import dev.grange.embedded.testing.TestServices.With;
import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * A whole farm's surroundings for the scheduler under test: PostgreSQL, Kafka, two registries, and
 * a folder for workers.
 */
public class FarmServices implements QuarkusTestResourceLifecycleManager {
  private TestServices services;
  private TestDatabase database;

  @Override
  public Map<String, String> start() {
    services = TestServices.start(With.KAFKA, With.REGISTRIES);
    database = services.database();
    services.register(database, 2);
    Map<String, String> config =
        new HashMap<>(services.quarkusConfig(database, database.scheduler()));
    config.put(
        "grange.local.directory",
        Path.of("target", "local-" + ProcessHandle.current().pid()).toAbsolutePath().toString());
    config.put(
        "grange.local.worker-bin",
        Path.of("..", "worker-image", "bin").toAbsolutePath().normalize().toString());
    config.put("grange.local.stop-workers-at-shutdown", "true");
    config.put("grange.lease.duration", "3s");
    config.put("grange.attempts.first-delay", "200ms");
    config.put("grange.drain.patience", "0s");
    return config;
  }

  @Override
  public void stop() {
    try {
      services.close();
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  @Override
  public void inject(TestInjector injector) {
    injector.injectIntoFields(
        new TestFarm(services, database), new TestInjector.MatchesType(TestFarm.class));
  }
}
