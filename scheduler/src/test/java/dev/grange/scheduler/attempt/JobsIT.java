package dev.grange.scheduler.attempt;

import static org.assertj.core.api.Assertions.assertThat;

import dev.grange.scheduler.FarmConfig;
import dev.grange.scheduler.FarmServices;
import dev.grange.scheduler.Registries;
import dev.grange.scheduler.TestFarm;
import dev.grange.scheduler.TestRows;
import dev.grange.scheduler.token.RegistryTokens;
import dev.grange.store.Db;
import io.agroal.api.AgroalDataSource;
import io.agroal.api.configuration.supplier.AgroalDataSourceConfigurationSupplier;
import io.agroal.api.security.NamePrincipal;
import io.agroal.api.security.SimplePassword;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.time.Duration;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** What an attempt needs to know before it begins. */
@QuarkusTest
@WithTestResource(FarmServices.class)
class JobsIT {
  private static final String CLUSTER = "of-jobs";

  @Inject Registries registries;
  @Inject RegistryTokens tokens;
  @Inject FarmConfig config;

  TestFarm farm;

  @Test
  void isReadWithOneConnectionSoThatManyAttemptsMayBeginAtOnce() throws Exception {
    TestRows rows = new TestRows(farm.database());
    rows.cluster(CLUSTER, 1, "linux/mips64le");
    rows.lease(CLUSTER, 1);
    UUID id = rows.attempt(CLUSTER, 1);
    try (AgroalDataSource one = oneConnection()) {
      Db db = new Db(one);
      Attempt attempt =
          db.first("SELECT " + Attempt.COLUMNS + " FROM attempt a WHERE id = ?", Attempt::of, id)
              .orElseThrow();
      Jobs jobs = new Jobs(db, registries, tokens, new AvoidedNodes(db), config);
      assertThat(jobs.of(attempt).podName()).isEqualTo("grange-" + id);
    } finally {
      rows.release(id);
    }
  }

  private AgroalDataSource oneConnection() throws Exception {
    return AgroalDataSource.from(
        new AgroalDataSourceConfigurationSupplier()
            .connectionPoolConfiguration(
                pool ->
                    pool.maxSize(1)
                        .acquisitionTimeout(Duration.ofSeconds(1))
                        .connectionFactoryConfiguration(
                            factory ->
                                factory
                                    .jdbcUrl(farm.database().jdbcUrl())
                                    .principal(
                                        new NamePrincipal(farm.database().scheduler().user()))
                                    .credential(
                                        new SimplePassword(
                                            farm.database().scheduler().password())))));
  }
}
