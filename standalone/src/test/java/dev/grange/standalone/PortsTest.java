package dev.grange.standalone;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PortsTest {
  @TempDir Path folder;

  @Test
  void aNewFarmGetsTheWellKnownPorts() throws Exception {
    Ports ports = Ports.keptIn(folder.resolve("ports.properties"), port -> true);
    assertThat(ports.local(Ports.Name.API)).isEqualTo("127.0.0.1:7080");
    assertThat(ports.of(Ports.Name.KAFKA_CONTROLLER)).isEqualTo(7093);
  }

  @Test
  void aBusyPortIsReplacedAtTheFirstStartAndTheChoiceIsKept() throws Exception {
    Path file = folder.resolve("ports.properties");
    int first = Ports.keptIn(file, port -> port != 7080).of(Ports.Name.API);
    assertThat(first).isNotEqualTo(7080);
    assertThat(Ports.keptIn(file, port -> true).of(Ports.Name.API)).isEqualTo(first);
  }

  @Test
  void whatAnOlderFileDoesNotNameIsAdded() throws Exception {
    Path file = folder.resolve("ports.properties");
    Files.writeString(file, "api=9999\n");
    Ports ports = Ports.keptIn(file, port -> true);
    assertThat(ports.of(Ports.Name.API)).isEqualTo(9999);
    assertThat(Files.readString(file)).contains("api=9999\n", "postgres=7032\n");
  }

  @Test
  void noTwoPartsGetTheSamePort() throws Exception {
    Path file = folder.resolve("ports.properties");
    Files.writeString(file, "api=7050\n");
    assertThat(Ports.keptIn(file, port -> true).of(Ports.Name.CANDIDATE)).isNotEqualTo(7050);
  }

  @Test
  void nonsenseInTheFileIsNamed() throws Exception {
    Path file = folder.resolve("ports.properties");
    Files.writeString(file, "api=seventy\n");
    assertThatThrownBy(() -> Ports.keptIn(file, port -> true))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("api is not a port: seventy");
  }
}
