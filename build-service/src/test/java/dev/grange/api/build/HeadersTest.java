package dev.grange.api.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.grange.api.problem.ProblemException;
import dev.grange.store.api.Builds;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class HeadersTest {
  private static Duration waitFor(String... headers) {
    return Prefer.waitFor(List.of(headers), Duration.ofSeconds(60));
  }

  @Test
  void aPreferenceToWaitIsFoundAmongOthersAndHasAnEnd() {
    assertThat(waitFor("wait=30")).isEqualTo(Duration.ofSeconds(30));
    assertThat(waitFor("respond-async, wait=10")).isEqualTo(Duration.ofSeconds(10));
    assertThat(waitFor("return=minimal", "wait=\"5\"")).isEqualTo(Duration.ofSeconds(5));
    assertThat(waitFor("wait=9999")).isEqualTo(Duration.ofSeconds(60));
    assertThat(waitFor()).isZero();
    assertThat(waitFor("wait", "wait=x", "await=3", "wait=99999999999")).isZero();
  }

  @Test
  void aCursorIsReadBackForTheSameListOnly() {
    Builds.Position position =
        new Builds.Position(Instant.parse("2026-01-02T03:04:05.678901Z"), UUID.randomUUID());
    String list = Cursor.list("p", null, List.of());
    String cursor = Cursor.write(position, list);
    assertThat(Cursor.read(cursor, list)).isEqualTo(position);
    assertThatThrownBy(() -> Cursor.read(cursor, Cursor.list("p", "i", List.of())))
        .isInstanceOf(ProblemException.class);
    for (String bad : List.of("", "a", "!", cursor.substring(1), cursor + "A")) {
      assertThatThrownBy(() -> Cursor.read(bad, list)).isInstanceOf(ProblemException.class);
    }
  }
}
