package dev.grange.scheduler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.grange.events.EventValidator;
import dev.grange.registry.Registry;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.Test;

@QuarkusTest
@WithTestResource(FarmServices.class)
class BuildToStableIT {
  private static final String GOOD = "FROM scratch\nLABEL unique=\"%s\"\n";

  TestFarm farm;

  @Test
  void aBuildGoesFromTheQueueToTheStableRegistryAndTellsEachStepOnce() throws Exception {
    UUID build = farm.submit(GOOD.formatted(UUID.randomUUID()));

    farm.awaitRelease(build, "PROMOTED");

    String digest = farm.one("SELECT candidate_digest FROM build WHERE id = ?", build);
    Registry stable = new Registry(URI.create("http://" + farm.services().stable()));
    assertThat(stable.resolve("default/hello", digest)).contains(digest);
    List<ConsumerRecord<String, String>> events = farm.events(build);
    assertThat(events.stream().map(BuildToStableIT::type))
        .containsExactlyInAnyOrder(
            "dev.cdevents.build.started.0.3.0",
            "dev.cdevents.taskrun.started.0.3.0",
            "dev.cdevents.taskrun.finished.0.3.0",
            "dev.cdevents.artifact.packaged.0.3.0",
            "dev.cdevents.build.finished.0.3.0",
            "dev.cdeventsx.grange-release.opened.0.1.0",
            "dev.cdevents.testsuiterun.queued.0.3.0",
            "dev.cdeventsx.grange-decision.changed.0.1.0",
            "dev.cdevents.testsuiterun.started.0.3.0",
            "dev.cdevents.testsuiterun.finished.0.3.0",
            "dev.cdeventsx.grange-decision.changed.0.1.0",
            "dev.cdevents.artifact.published.0.3.0",
            "dev.cdeventsx.grange-promotion.finished.0.1.0");
    events.forEach(event -> EventValidator.validate(type(event), event.value()));
    Set<String> ids = new HashSet<>();
    events.forEach(event -> assertThat(ids.add(header(event, "ce_id"))).isTrue());
  }

  @Test
  void theLogIsKeptFromTheFirstByteToTheLast() {
    UUID build = farm.submit(GOOD.formatted(UUID.randomUUID()));

    farm.awaitRelease(build, "PROMOTED");

    assertThat(farm.log(build))
        .startsWith("buildah")
        .contains("::grange::section::push::end::", "::grange::section::test::end::");
  }

  @Test
  void anImageThatIsStableAlreadyIsUnchangedAndNotPublishedAgain() {
    String containerfile = GOOD.formatted(UUID.randomUUID());
    UUID first = farm.submit(containerfile);
    farm.awaitRelease(first, "PROMOTED");

    UUID second = farm.submit(containerfile);
    farm.awaitRelease(second, "PROMOTED");

    assertThat(farm.one("SELECT candidate_digest FROM build WHERE id = ?", second))
        .isEqualTo(farm.one("SELECT candidate_digest FROM build WHERE id = ?", first));
    assertThat(farm.events(second).stream().map(BuildToStableIT::type))
        .doesNotContain("dev.cdevents.artifact.published.0.3.0");
    assertThat(
            farm.one(
                "SELECT outcome FROM promotion_target t JOIN promotion p ON p.id = t.promotion_id"
                    + " JOIN release r ON r.id = p.release_id WHERE r.build_id = ?",
                second))
        .isEqualTo("unchanged");
  }

  @Test
  void aRecipeThatFailsEndsAsTheUsersFaultAndIsNotTriedAgain() {
    UUID build = farm.submit("FROM scratch\nCOPY not-there /\n");

    farm.awaitState(build, "FAILED");

    assertThat(farm.one("SELECT fault FROM build WHERE id = ?", build)).isEqualTo("USER");
    assertThat(farm.one("SELECT reason FROM build WHERE id = ?", build)).isEqualTo("BuildFailed");
    assertThat(farm.one("SELECT message FROM build WHERE id = ?", build)).contains("not-there");
    assertThat(
            farm.one(
                "SELECT count(*) FROM attempt a JOIN execution e ON e.id = a.execution_id WHERE"
                    + " e.build_id = ?",
                build))
        .isEqualTo("1");
    farm.events(build).forEach(event -> EventValidator.validate(type(event), event.value()));
  }

  @Test
  void whatWaitsSaysWhyAndCanBeCancelled() {
    UUID build = farm.submit(GOOD.formatted(UUID.randomUUID()), "linux/s390x");
    await()
        .atMost(Duration.ofSeconds(20))
        .until(
            () ->
                farm.one(
                    "SELECT d.reason FROM placement_lane d JOIN execution e ON e.project ="
                        + " d.project AND e.lane = d.lane WHERE e.build_id = ?",
                    build),
            "NoClusterForPlatform"::equals);

    UUID request = farm.cancel(build);

    farm.awaitState(build, "CANCELLED");
    assertThat(farm.one("SELECT answer FROM request WHERE id = ?", request)).isEqualTo("DONE");
    farm.events(build).forEach(event -> EventValidator.validate(type(event), event.value()));
  }

  @Test
  void aPlatformThatNoClusterBuildsForEndsInTimeAsConfig() {
    UUID build = farm.submit(GOOD.formatted(UUID.randomUUID()), "linux/riscv64");
    farm.execute(
        "UPDATE execution SET queue_deadline = now() WHERE build_id = ?::uuid", build.toString());

    farm.awaitState(build, "FAILED");

    assertThat(farm.one("SELECT reason FROM build WHERE id = ?", build))
        .isIn("NoClusterForPlatform", "QueueTimedOut");
  }

  private static String type(ConsumerRecord<String, String> event) {
    return header(event, "ce_type");
  }

  private static String header(ConsumerRecord<String, String> event, String name) {
    return new String(event.headers().lastHeader(name).value(), StandardCharsets.UTF_8);
  }
}
