package dev.grange.scheduler.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.grange.domain.worker.Job;
import dev.grange.scheduler.cluster.PodView.Phase;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What the farm relies on, whatever kind a cluster is of. A kind passes it by a subclass that makes
 * gateways of it and knows how to kill a worker behind their back.
 */
public abstract class ClusterGatewayContract {
  private static final Duration LONG = Duration.ofSeconds(60);
  private static final Duration GRACE = Duration.ofSeconds(20);

  /** Another gateway of the same cluster, as another scheduler has one. */
  protected abstract ClusterGateway open() throws IOException;

  /** The scheduler of the gateway is gone; its pods are not. */
  protected abstract void close(ClusterGateway gateway) throws IOException;

  /** SIGKILL, to all that the cluster would kill at once. */
  protected abstract void kill(String pod) throws IOException;

  /**
   * What is left of a pod: processes, mounts, files; in words.
   *
   * @param mark stands in the arguments of the pod's processes
   */
  protected abstract List<String> leftovers(String pod, String mark) throws IOException;

  private final String pod = ClusterGateway.podName(UUID.randomUUID());
  private final String mark = "mark-" + UUID.randomUUID();
  private final List<ClusterGateway> opened = new ArrayList<>();
  private final ByteArrayOutputStream logSoFar = new ByteArrayOutputStream();
  private String logRead = "";
  private ClusterGateway gateway;

  @BeforeEach
  void start() throws IOException {
    gateway = another();
  }

  @AfterEach
  void stop() throws Exception {
    ClusterGateway last = another();
    last.remove(pod);
    await().atMost(LONG).until(() -> leftovers(pod, mark).isEmpty());
    for (ClusterGateway one : opened) {
      close(one);
    }
  }

  protected final ClusterGateway another() throws IOException {
    ClusterGateway another = open();
    opened.add(another);
    return another;
  }

  /** A job of one shell script. */
  protected final Job job(String script) {
    return new Job(
        UUID.randomUUID().toString(),
        "test",
        List.of(),
        List.of(
            new Job.Step(
                "test", List.of("sh", "-c", ": " + mark + "; " + script), 300, 0, 1, "TestFailed")),
        "digest",
        Map.of("a-file", "its text\n"));
  }

  protected static PodRequest request(String pod, Job job) {
    return new PodRequest(
        pod,
        job,
        Map.of(
            PodRequest.FARM, "contract",
            PodRequest.BUILD, UUID.randomUUID().toString(),
            PodRequest.ATTEMPT, pod.substring("grange-".length()),
            PodRequest.PROJECT, "default",
            PodRequest.KIND, job.kind()),
        Set.of(),
        600);
  }

  private Job endless() {
    return job("echo I-RUN; sleep 600; : end");
  }

  private PodView awaitPhase(Phase... phases) {
    return awaitPhase(gateway, pod, phases);
  }

  protected static PodView awaitPhase(ClusterGateway gateway, String pod, Phase... phases) {
    return await()
        .atMost(LONG)
        .until(
            () -> gateway.see(pod).orElse(null),
            view -> view != null && List.of(phases).contains(view.phase()));
  }

  private String log() throws ClusterException {
    for (LogChunk chunk = gateway.log(pod, logRead, 1_000_000);
        chunk.bytes().length > 0;
        chunk = gateway.log(pod, logRead, 1_000_000)) {
      logSoFar.writeBytes(chunk.bytes());
      logRead = chunk.position();
    }
    return logSoFar.toString(StandardCharsets.UTF_8);
  }

  private void awaitLine(String line) {
    await().atMost(LONG).until(() -> log().lines().anyMatch(line::equals));
  }

  private long count(String line) throws ClusterException {
    return log().lines().filter(line::equals).count();
  }

  @Test
  void aJobThatEndsWellIsSeenEndedWithItsResult() throws Exception {
    String uid = gateway.ensure(request(pod, job("cat ../files/a-file")));
    PodView view = awaitPhase(Phase.ENDED);
    assertThat(view.uid()).isEqualTo(uid);
    assertThat(view.exit()).isZero();
    assertThat(view.result()).contains("\"SUCCEEDED\"");
    awaitLine("its text");
  }

  @Test
  void aJobThatFailsIsSeenEndedWithItsStatusAndReason() throws Exception {
    gateway.ensure(request(pod, job("echo broken; exit 7")));
    PodView view = awaitPhase(Phase.ENDED);
    assertThat(view.exit()).isEqualTo(7);
    assertThat(view.result()).contains("\"FAILED\"").contains("TestFailed").contains("broken");
  }

  @Test
  void whatWasNeverMadeIsNotSeen() throws Exception {
    assertThat(gateway.see(pod)).isEmpty();
    assertThat(gateway.log(pod, "", 100).bytes()).isEmpty();
    assertThat(gateway.pods()).doesNotContain(pod);
  }

  @Test
  void askingTwiceGivesTheSamePodAndOneRun() throws Exception {
    String first = gateway.ensure(request(pod, job("echo I-RAN")));
    String second = gateway.ensure(request(pod, job("echo I-RAN")));
    awaitPhase(Phase.ENDED);
    String third = gateway.ensure(request(pod, job("echo I-RAN")));
    assertThat(List.of(second, third)).containsOnly(first);
    awaitLine("I-RAN");
    assertThat(count("I-RAN")).isEqualTo(1);
    assertThat(gateway.pods()).containsOnlyOnce(pod);
  }

  @Test
  void twoSchedulersThatAskForTheSamePodAtOnceGetOneAndItRunsOnce() throws Exception {
    List<ClusterGateway> racing = List.of(gateway, another(), another(), another());
    CyclicBarrier together = new CyclicBarrier(racing.size());
    Set<String> uids = new HashSet<>();
    try (ExecutorService threads =
        Executors.newThreadPerTaskExecutor(Thread.ofPlatform().factory())) {
      List<Future<String>> asked = new ArrayList<>();
      for (ClusterGateway one : racing) {
        asked.add(
            threads.submit(
                () -> {
                  together.await();
                  return one.ensure(request(pod, job("echo I-RAN")));
                }));
      }
      for (Future<String> one : asked) {
        uids.add(one.get());
      }
    }
    assertThat(uids).hasSize(1);
    PodView view = awaitPhase(Phase.ENDED);
    assertThat(uids).containsExactly(view.uid());
    assertThat(view.exit()).isZero();
    // whoever lost the race may still be about to look: give it something to see that has ended
    for (ClusterGateway one : racing) {
      assertThat(one.ensure(request(pod, job("echo I-RAN")))).isEqualTo(view.uid());
    }
    awaitLine("I-RAN");
    assertThat(count("I-RAN")).isEqualTo(1);
  }

  /** All of an ended pod's log from a position on, in parts of at most so many bytes. */
  private byte[] wholeLog(ClusterGateway from, String position, int limit) {
    ByteArrayOutputStream whole = new ByteArrayOutputStream();
    String[] at = {position};
    await()
        .atMost(LONG)
        .until(
            () -> {
              LogChunk chunk = from.log(pod, at[0], limit);
              assertThat(chunk.bytes().length).isLessThanOrEqualTo(limit);
              whole.writeBytes(chunk.bytes());
              at[0] = chunk.position();
              return chunk.isEnd();
            });
    return whole.toByteArray();
  }

  @Test
  void theLogIsReadInPartsAndOnFromEveryPartsEnd() throws Exception {
    gateway.ensure(
        request(pod, job("echo one; echo two; sleep 1.1; printf three; echo; echo four")));
    awaitPhase(Phase.ENDED);
    byte[] whole = wholeLog(gateway, "", 1_000_000);
    assertThat(new String(whole, StandardCharsets.UTF_8)).contains("one\ntwo\nthree\nfour\n");
    assertThat(wholeLog(another(), "", 7)).isEqualTo(whole);

    // another scheduler goes on wherever the last one was when it died
    int read = 0;
    String position = "";
    ClusterGateway first = another();
    while (read < whole.length) {
      LogChunk chunk = first.log(pod, position, 41);
      read += chunk.bytes().length;
      position = chunk.position();
      if (read % 3 == 0 || read == whole.length) {
        assertThat(wholeLog(another(), position, 1000))
            .as("after %d bytes, at %s", read, position)
            .isEqualTo(Arrays.copyOfRange(whole, read, whole.length));
      }
    }
  }

  @Test
  void aWorkerThatIsStoppedEndsInOrderAndSaysSo() throws Exception {
    gateway.ensure(request(pod, endless()));
    awaitLine("I-RUN");
    gateway.stop(pod, GRACE);
    PodView view = awaitPhase(Phase.ENDED);
    assertThat(view.exit()).isEqualTo(143);
    assertThat(view.result()).contains("Interrupted");
    await().atMost(LONG).until(() -> processes().isEmpty());
  }

  @Test
  void aWorkerThatDoesNotListenIsKilledAfterTheGrace() throws Exception {
    gateway.ensure(
        request(pod, job("trap '' TERM; echo I-RUN; while :; do sleep 600 & wait; done")));
    awaitLine("I-RUN");
    gateway.stop(pod, Duration.ofMillis(300));
    awaitPhase(Phase.ENDED, Phase.LOST);
    await().atMost(LONG).until(() -> processes().isEmpty());
  }

  @Test
  void stoppingWhatIsNotThereOrHasEndedIsFine() throws Exception {
    gateway.stop(pod, GRACE);
    gateway.ensure(request(pod, job("true")));
    awaitPhase(Phase.ENDED);
    gateway.stop(pod, GRACE);
    assertThat(awaitPhase(Phase.ENDED).exit()).isZero();
  }

  @Test
  void removingNothingIsFineAndSoIsRemovingTwice() throws Exception {
    gateway.remove(pod);
    gateway.ensure(request(pod, job("true")));
    awaitPhase(Phase.ENDED);
    gateway.remove(pod);
    gateway.remove(pod);
    assertThat(gateway.see(pod)).isEmpty();
    assertThat(gateway.pods()).doesNotContain(pod);
  }

  @Test
  void whatIsDiscardedIsNotAmongThePodsAnyMoreAndGoesSoon() throws Exception {
    gateway.discard(pod);
    gateway.ensure(request(pod, job("true")));
    awaitPhase(Phase.ENDED);
    gateway.discard(pod);
    gateway.discard(pod);
    assertThat(gateway.pods()).doesNotContain(pod);
    await().atMost(LONG).until(() -> leftovers(pod, mark).isEmpty());
    assertThat(gateway.see(pod)).isEmpty();
  }

  @Test
  void aWorkerThatRunsAndIsDiscardedIsRemovedAtOnce() throws Exception {
    gateway.ensure(request(pod, endless()));
    awaitLine("I-RUN");
    gateway.discard(pod);
    assertThat(gateway.see(pod)).isEmpty();
    await().atMost(LONG).until(() -> leftovers(pod, mark).isEmpty());
  }

  @Test
  void removingAWorkerThatRunsLeavesNothingOfIt() throws Exception {
    gateway.ensure(request(pod, endless()));
    awaitLine("I-RUN");
    gateway.remove(pod);
    assertThat(gateway.see(pod)).isEmpty();
    await().atMost(LONG).until(() -> leftovers(pod, mark).isEmpty());
  }

  @Test
  void aPodThatIsMadeAgainAfterItsRemovalIsAnotherOne() throws Exception {
    String first = gateway.ensure(request(pod, job("true")));
    awaitPhase(Phase.ENDED);
    gateway.remove(pod);
    assertThat(gateway.ensure(request(pod, job("true")))).isNotEqualTo(first);
    awaitPhase(Phase.ENDED);
  }

  @Test
  void aWorkerThatIsKilledIsLostOrEndedWithoutAResultAndLeavesNoProcessAndNoMount()
      throws Exception {
    gateway.ensure(request(pod, endless()));
    awaitLine("I-RUN");
    kill(pod);
    PodView view = awaitPhase(Phase.ENDED, Phase.LOST);
    assertThat(view.result()).isNull();
    assertThat(view.exit()).isNotEqualTo(Integer.valueOf(0));
    await().atMost(LONG).until(() -> processes().isEmpty());
    // and it is not started a second time by whoever asks for it then
    assertThat(gateway.ensure(request(pod, endless()))).isEqualTo(view.uid());
    assertThat(awaitPhase(Phase.ENDED, Phase.LOST).uid()).isEqualTo(view.uid());
    awaitLine("I-RUN");
    assertThat(count("I-RUN")).isEqualTo(1);
  }

  @Test
  void aWorkerOutlivesItsSchedulerAndIsFoundByTheNextOne() throws Exception {
    String uid = gateway.ensure(request(pod, endless()));
    awaitLine("I-RUN");
    close(gateway);
    opened.remove(gateway);

    gateway = another();

    assertThat(gateway.pods()).contains(pod);
    assertThat(gateway.see(pod).orElseThrow().uid()).isEqualTo(uid);
    assertThat(gateway.see(pod).orElseThrow().phase()).isEqualTo(Phase.RUNNING);
    assertThat(gateway.ensure(request(pod, endless()))).isEqualTo(uid);
    gateway.stop(pod, GRACE);
    assertThat(awaitPhase(Phase.ENDED).uid()).isEqualTo(uid);
    awaitLine("I-RUN");
    assertThat(count("I-RUN")).isEqualTo(1);
  }

  @Test
  void aClusterThatRunsWorkersIsFoundFit() {
    List<ClusterReport.Finding> found = new ArrayList<>();
    ClusterReport report = gateway.check(found::add);
    assertThat(found).as("told as they come").isEqualTo(report.findings());
    assertThat(report.findings())
        .isNotEmpty()
        .allMatch(finding -> finding.status() != ClusterReport.Status.FAILED);
    assertThat(report.ok()).isTrue();
    assertThat(report.features()).containsKey("buildah");
  }

  @Test
  void whoWatchesHearsOfTheEnd() throws Exception {
    Set<String> heard = ConcurrentHashMap.newKeySet();
    gateway.watch(heard::add);
    gateway.ensure(request(pod, job("true")));
    awaitPhase(Phase.ENDED);
    await().atMost(LONG).until(() -> heard.contains(pod));
  }

  @Test
  void twoPodsDoNotDisturbEachOther() throws Exception {
    String other = ClusterGateway.podName(UUID.randomUUID());
    try {
      String one = gateway.ensure(request(pod, endless()));
      String two = gateway.ensure(request(other, job("echo I-RAN")));
      assertThat(two).isNotEqualTo(one);
      await().atMost(LONG).until(() -> gateway.see(other).orElseThrow().phase() == Phase.ENDED);
      gateway.remove(other);
      assertThat(awaitPhase(Phase.RUNNING).uid()).isEqualTo(one);
    } finally {
      gateway.remove(other);
    }
  }

  private List<String> processes() throws IOException {
    return leftovers(pod, mark).stream().filter(left -> !left.startsWith("file ")).toList();
  }
}
