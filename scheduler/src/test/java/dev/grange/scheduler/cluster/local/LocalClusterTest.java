package dev.grange.scheduler.cluster.local;

import static org.assertj.core.api.Assertions.assertThat;

import dev.grange.scheduler.cluster.ClusterReport;
import dev.grange.scheduler.cluster.PodView;
import dev.grange.scheduler.cluster.PodView.Phase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is read out of a pod's folder, in the moments that a real worker passes in microseconds. */
class LocalClusterTest {
  private static final String POD = "grange-x";

  @TempDir Path directory;
  private Path pod;
  private LocalCluster cluster;

  @BeforeEach
  void start() throws IOException {
    cluster =
        new LocalCluster(directory, directory.resolve("no-bin"), () -> "unused", Clock.systemUTC());
    pod = Files.createDirectory(directory.resolve(POD));
    Files.writeString(pod.resolve("uid.request"), "uid-1");
  }

  @AfterEach
  void stop() throws IOException {
    cluster.close();
  }

  private void write(String file, String text) throws IOException {
    Files.writeString(pod.resolve(file), text);
  }

  /** As if this very process were the worker. */
  private void aliveWorker() throws IOException {
    String stat = Files.readString(Path.of("/proc/self/stat"));
    String start = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1)[19];
    write("pid", ProcessHandle.current().pid() + " " + start + "\n");
  }

  private PodView see() throws Exception {
    return cluster.see(POD).orElseThrow();
  }

  @Test
  void aFolderWithoutAWorkerWaits() throws Exception {
    assertThat(see()).isEqualTo(new PodView("uid-1", Phase.WAITING, null, null, LocalCluster.NODE));
  }

  @Test
  void aWorkerThatHasItsNumberAndNotYetItsMarkerRuns() throws Exception {
    aliveWorker();
    assertThat(see().phase()).isEqualTo(Phase.RUNNING);
  }

  @Test
  void aWorkerThatHasBegunAndLivesRuns() throws Exception {
    aliveWorker();
    write("started", "uid-1\n");
    assertThat(see().phase()).isEqualTo(Phase.RUNNING);
  }

  @Test
  void anExitStatusThatIsStillBeingWrittenIsNoEnd() throws Exception {
    aliveWorker();
    write("started", "uid-1\n");
    write("exit", "");
    assertThat(see().phase()).isEqualTo(Phase.RUNNING);
    write("exit", "0\n");
    assertThat(see()).isEqualTo(new PodView("uid-1", Phase.ENDED, 0, null, LocalCluster.NODE));
  }

  @Test
  void aWorkerThatWasKilledBeforeItCouldWriteItsStatusIsLost() throws Exception {
    write("started", "uid-1\n");
    write("exit", "");
    assertThat(see()).isEqualTo(new PodView("uid-1", Phase.LOST, null, null, LocalCluster.NODE));
  }

  @Test
  void aProcessOfTheSameNumberThatBeganAtAnotherTimeIsNotTheWorker() throws Exception {
    write("pid", ProcessHandle.current().pid() + " 1\n");
    write("started", "uid-1\n");
    assertThat(see().phase()).isEqualTo(Phase.LOST);
  }

  @Test
  void aMachineWithoutTheWorkersScriptsIsNotFit() {
    ClusterReport report = cluster.check(_ -> {});
    assertThat(report.ok()).isFalse();
    assertThat(report.findings().getFirst().message()).contains("GRANGE_LOCAL_WORKER_BIN");
  }

  @Test
  void aResultIsReadUpToItsBoundAndNoFurther() throws Exception {
    write("started", "uid-1\n");
    write("exit", "0\n");
    write("result.json", "x".repeat(10_000));
    assertThat(see().result()).hasSize(4096);
  }
}
