package dev.grange.cli.farm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.grange.cli.FakeFarm;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ApiTest {

  private final List<Duration> pauses = new ArrayList<>();

  private Api api(String url) {
    return new Api(
        new FarmAddress(URI.create(url), FakeFarm.TOKEN, "a test"), "grange", pauses::add);
  }

  @Test
  void waits_as_long_as_the_farm_asks_for() {
    try (FakeFarm farm = new FakeFarm().instead(503, "7", "").instead(503, "3600", "")) {
      assertThat(api(farm.url()).get("/clusters").path("items")).hasSize(1);
    }
    assertThat(pauses).containsExactly(Duration.ofSeconds(7), Duration.ofSeconds(15));
  }

  @Test
  void gives_up_on_a_farm_that_stays_away() {
    try (FakeFarm farm = new FakeFarm()) {
      for (int i = 0; i < 50; i++) {
        farm.instead(503, "10", "{\"title\":\"Away\"}");
      }
      assertThatThrownBy(() -> api(farm.url()).get("/clusters")).hasMessage("Away");
    }
    assertThat(pauses.stream().reduce(Duration.ZERO, Duration::plus))
        .isBetween(Duration.ofSeconds(90), Api.AFTER_CONTACT);
  }

  @Test
  void does_not_repeat_what_was_refused() {
    try (FakeFarm farm = new FakeFarm().instead(500, "", "{\"title\":\"Broken\"}")) {
      assertThatThrownBy(() -> api(farm.url()).get("/clusters")).hasMessage("Broken");
      assertThat(farm.requests).hasSize(1);
    }
  }

  @Test
  void tries_an_address_that_never_answered_for_a_moment_only() throws IOException {
    int port;
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = socket.getLocalPort();
    }
    assertThatThrownBy(() -> api("http://127.0.0.1:" + port).get("/clusters"))
        .isInstanceOf(CommandFailure.class)
        .hasMessageContaining("up -d");
    assertThat(pauses.stream().reduce(Duration.ZERO, Duration::plus))
        .isLessThanOrEqualTo(Api.FIRST_CONTACT);
  }

  @Test
  void is_patient_with_a_farm_that_has_answered_before() {
    FakeFarm farm = new FakeFarm();
    Api api = api(farm.url());
    api.get("/clusters");
    farm.close();
    assertThatThrownBy(() -> api.get("/clusters")).isInstanceOf(CommandFailure.class);
    assertThat(pauses.stream().reduce(Duration.ZERO, Duration::plus))
        .isGreaterThan(Duration.ofSeconds(60));
  }

  @Test
  void an_address_does_not_print_its_token() {
    assertThat(new FarmAddress(URI.create("http://h"), "grange_secret", "x").toString())
        .doesNotContain("secret");
  }
}
