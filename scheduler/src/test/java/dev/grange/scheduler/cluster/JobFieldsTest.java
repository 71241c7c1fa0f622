package dev.grange.scheduler.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import dev.grange.domain.worker.Job;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class JobFieldsTest {
  private static Job job(String argument) {
    return new Job(
        "attempt",
        "build",
        List.of("127.0.0.1:5000"),
        List.of(
            new Job.Step("build", List.of("buildah", argument), 60, 0, 1, "BuildFailed"),
            new Job.Step("push", List.of("true"), 30, 4, 2, "PushFailed")),
        "digest",
        Map.of());
  }

  @Test
  void aJobIsTheFieldsThatTheWorkersOwnProgramMakesOfItsJson() {
    assertThat(JobFields.write(job("a b\nc")))
        .hasValue(
            String.join(
                    "\0",
                    List.of(
                        "1",
                        "build",
                        "10",
                        "digest",
                        "1",
                        "127.0.0.1:5000",
                        "build",
                        "60",
                        "0",
                        "1",
                        "BuildFailed",
                        "2",
                        "buildah",
                        "a b\nc",
                        "push",
                        "30",
                        "4",
                        "2",
                        "PushFailed",
                        "1",
                        "true"))
                + "\0");
  }

  @Test
  void anArgumentThatAFieldCannotHoldIsLeftToTheWorkerToRefuse() {
    assertThat(JobFields.write(job("a\0b"))).isEmpty();
  }
}
