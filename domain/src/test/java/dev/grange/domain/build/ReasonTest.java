package dev.grange.domain.build;

import static org.assertj.core.api.Assertions.assertThat;

import dev.grange.domain.Golden;
import java.util.Arrays;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ReasonTest {

  @Test
  void codesAreStableBecauseClientsAndStoredRowsHaveThem() {
    Golden.assertSame(
        "reasons.txt",
        Arrays.stream(Reason.values())
            .map(r -> r.code() + " " + r.fault().map(Fault::name).orElse("interruption") + "\n")
            .collect(Collectors.joining()));
  }

  @ParameterizedTest
  @EnumSource
  void everyCodeFindsItsReason(Reason reason) {
    assertThat(Reason.ofCode(reason.code())).isEqualTo(reason);
    assertThat(reason.isInterruption()).isEqualTo(reason.fault().isEmpty());
  }

  @Test
  void whatNobodyKnowsIsTheWorkersFault() {
    assertThat(Reason.ofCode("Nonsense")).isEqualTo(Reason.WORKER_BROKEN);
    assertThat(Reason.ofCode("")).isEqualTo(Reason.WORKER_BROKEN);
    assertThat(Reason.ofCode("buildfailed")).isEqualTo(Reason.WORKER_BROKEN);
  }
}
