package dev.grange.standalone;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SettingsTest {
  @TempDir Path apps;
  final Map<String, String> environment = new HashMap<>();

  @BeforeEach
  void builtApplication() throws Exception {
    Path runner = apps.resolve("build-service/target/quarkus-app/quarkus-run.jar");
    Files.createDirectories(runner.getParent());
    Files.createFile(runner);
    environment.put("GRANGE_APPS", apps.toString());
  }

  @Test
  void everythingHasADefault() {
    Settings settings = Settings.of(environment);
    assertThat(settings.registryAddress()).isEqualTo("127.0.0.1");
    assertThat(settings.drain()).isEqualTo(Duration.ofSeconds(20));
    assertThat(settings.slots()).isPositive();
  }

  @Test
  void aBadValueIsNamedWithWhatItShouldBe() {
    environment.put("GRANGE_DRAIN", "soon");
    assertThatThrownBy(() -> Settings.of(environment))
        .isInstanceOf(Settings.InvalidException.class)
        .hasMessage("GRANGE_DRAIN must be a number from 0 to 3600, not \"soon\"");
  }

  @Test
  void anAddressCannotCarryConfiguration() {
    environment.put("GRANGE_REGISTRY_ADDRESS", "127.0.0.1'; DROP TABLE build");
    assertThatThrownBy(() -> Settings.of(environment)).hasMessageContaining("IPv4 address");
  }

  @Test
  void missingApplicationsAreSaid() {
    environment.put("GRANGE_APPS", apps.resolve("elsewhere").toString());
    assertThatThrownBy(() -> Settings.of(environment)).hasMessageContaining("GRANGE_APPS");
  }
}
