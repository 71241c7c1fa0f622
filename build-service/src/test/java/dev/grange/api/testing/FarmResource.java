package dev.grange.api.testing;

import dev.grange.embedded.testing.TestDatabase;
import dev.grange.embedded.testing.TestServices;
import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.Map;

/**
 * PostgreSQL and registries for the application under test, each behind a proxy that can be cut.
 */
public class FarmResource implements QuarkusTestResourceLifecycleManager {
  @Override
  public Map<String, String> start() {
    try {
      TestServices services = TestServices.start(TestServices.With.REGISTRIES);
      TestDatabase database = services.database();
      services.register(database, 2);
      URI postgres = URI.create(database.jdbcUrl().substring("jdbc:".length()));
      CuttableProxy toDatabase = new CuttableProxy(postgres.getHost(), postgres.getPort());
      URI candidate = URI.create("http://" + services.candidate());
      CuttableProxy toRegistry = new CuttableProxy(candidate.getHost(), candidate.getPort());
      try (var connection = database.connect(database.owner());
          var statement = connection.createStatement()) {
        statement.execute(
            "UPDATE registry SET url = 'http://127.0.0.1:%d' WHERE role = 'candidate'"
                .formatted(toRegistry.port()));
      }
      Map<String, Object> farm = new HashMap<>();
      farm.put("jdbcUrl", database.jdbcUrl());
      farm.put("owner", new String[] {database.owner().user(), database.owner().password()});
      farm.put(
          "scheduler", new String[] {database.scheduler().user(), database.scheduler().password()});
      farm.put("candidate", "http://" + services.candidate());
      farm.put("database.cut", (Runnable) toDatabase::cut);
      farm.put("database.mend", (Runnable) toDatabase::mend);
      farm.put("registry.cut", (Runnable) toRegistry::cut);
      farm.put("registry.mend", (Runnable) toRegistry::mend);
      farm.put("stop", (AutoCloseable) services::close);
      Path uploads = Files.createTempDirectory("grange-uploads-");
      farm.put("uploads", uploads.toString());
      Farm.services = farm;
      Map<String, String> config =
          new HashMap<>(services.quarkusConfig(database, database.buildService()));
      config.put(
          "quarkus.datasource.jdbc.url",
          "jdbc:postgresql://127.0.0.1:" + toDatabase.port() + postgres.getPath());
      config.put("grange.context.directory", uploads.toString());
      config.put("grange.context.max-bytes", "4194304");
      config.put("grange.access.cache-for", "1s");
      config.put("grange.clusters.credential-directory", "/etc/grange");
      return config;
    } catch (IOException | SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void stop() {
    try {
      ((AutoCloseable) Farm.services.get("stop")).close();
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }
}
