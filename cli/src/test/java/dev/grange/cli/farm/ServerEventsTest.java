package dev.grange.cli.farm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class ServerEventsTest {

  @Test
  void reads_events_as_the_standard_says() throws IOException {
    ServerEvents events =
        new ServerEvents(
            new ByteArrayInputStream(
                """
                : a comment

                id: 1
                data: one
                data:two

                event: end
                retry: 5
                data

                data: cut off\
                """
                    .getBytes(StandardCharsets.UTF_8)));
    assertThat(events.next()).isEqualTo(new ServerEvent("1", "message", "one\ntwo"));
    assertThat(events.next()).isEqualTo(new ServerEvent("1", "end", ""));
    assertThat(events.next()).isNull();
  }
}
