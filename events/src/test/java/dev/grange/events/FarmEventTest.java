package dev.grange.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.entry;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class FarmEventTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @Test
  void theSameFactIsTheSameEventToTheLastByte() {
    assertThat(EventSamples.all()).isEqualTo(EventSamples.all());
  }

  @Test
  void theIdDoesNotDependOnWhenItIsTold() {
    FarmEvent once = BuildEvents.cancelled("farm", EventSamples.BUILD, EventSamples.at(0));
    FarmEvent again = BuildEvents.cancelled("farm", EventSamples.BUILD, EventSamples.at(99));
    assertThat(again.id()).isEqualTo(once.id()).isEqualTo(EventSamples.uuid(1) + "/build.finished");
  }

  @Test
  void aBuildHasOneEndWhicheverItIs() {
    assertThat(
            List.of(
                BuildEvents.succeeded(
                        "farm", EventSamples.BUILD, EventSamples.CANDIDATE, EventSamples.AT)
                    .id(),
                BuildEvents.failed(
                        "farm", EventSamples.BUILD, EventSamples.USER_FAILURE, EventSamples.AT)
                    .id(),
                BuildEvents.cancelled("farm", EventSamples.BUILD, EventSamples.AT).id()))
        .containsOnly(EventSamples.uuid(1) + "/build.finished");
  }

  @Test
  void attemptsBeginEachOnItsOwnAndThePlatformBuildEndsOnce() {
    FarmEvent first = started(EventSamples.FIRST);
    FarmEvent second = started(EventSamples.SECOND);
    assertThat(first.id()).endsWith("/taskrun.started/1");
    assertThat(second.id()).endsWith("/taskrun.started/2");
    assertThat(
            List.of(
                BuildEvents.platformCancelled(
                        "farm",
                        EventSamples.BUILD,
                        EventSamples.PLATFORM_BUILD,
                        EventSamples.FIRST,
                        EventSamples.AT)
                    .id(),
                BuildEvents.platformSucceeded(
                        "farm",
                        EventSamples.BUILD,
                        EventSamples.PLATFORM_BUILD,
                        EventSamples.SECOND,
                        EventSamples.AMD64,
                        EventSamples.AT)
                    .id()))
        .containsOnly(EventSamples.PLATFORM_BUILD.id() + "/taskrun.finished");
  }

  @Test
  void aDecisionThatSwingsBackIsAFactOfItsOwn() {
    FarmEvent opened =
        ReleaseEvents.decisionChanged(
            "farm", EventSamples.RELEASE, EventSamples.WAITING, null, "opened", EventSamples.AT);
    FarmEvent back =
        ReleaseEvents.decisionChanged(
            "farm",
            EventSamples.RELEASE,
            EventSamples.WAITING,
            EventSamples.SATISFIED,
            "waiver-9/revoked",
            EventSamples.AT);
    assertThat(back.id()).isNotEqualTo(opened.id());
  }

  @Test
  void noTwoFactsOfOneStoryShareAnId() {
    // Of the three ends of a platform build, the four of a build and the two of a test, a story has
    // one each.
    List<FarmEvent> all = List.copyOf(EventSamples.all().values());
    assertThat(all.stream().map(FarmEvent::id).collect(Collectors.toSet()))
        .hasSize(all.size() - 2 - 3 - 1);
  }

  @Test
  void everythingAboutABuildHasTheBuildsKeyAndEverythingAboutAClusterItsName() {
    for (FarmEvent event : EventSamples.all().values()) {
      assertThat(event.key())
          .isEqualTo(
              event.topic() == Topic.CLUSTERS
                  ? EventSamples.CLUSTER.name()
                  : EventSamples.BUILD.id().toString());
    }
  }

  @Test
  void theHeadersAreThoseOfCloudEventsInKafkasBinaryMode() {
    FarmEvent event = BuildEvents.queued("grange", EventSamples.BUILD, EventSamples.AT);
    assertThat(event.cloudEventHeaders())
        .containsExactly(
            entry("ce_specversion", "1.0"),
            entry("ce_id", event.id()),
            entry("ce_source", "/grange/grange"),
            entry("ce_type", "dev.cdevents.build.queued.0.3.0"),
            entry("ce_subject", EventSamples.BUILD.id().toString()),
            entry("ce_time", "2026-01-02T03:04:05.678901Z"),
            entry("content-type", "application/json"),
            entry(
                "message_uuid",
                UUID.nameUUIDFromBytes(event.id().getBytes(StandardCharsets.UTF_8)).toString()));
  }

  @Test
  void theSubjectOfTheCloudEventIsThatOfTheCdEvent() throws Exception {
    for (FarmEvent event : EventSamples.all().values()) {
      assertThat(event.cloudEventHeaders())
          .containsEntry("ce_subject", JSON.readTree(event.payload()).at("/subject/id").asText());
    }
  }

  @Test
  void timesAreKeptToTheMicrosecondAsTheDatabaseKeepsThem() {
    FarmEvent event =
        BuildEvents.queued(
            "grange", EventSamples.BUILD, Instant.parse("2026-01-02T03:04:05.123456789Z"));
    assertThat(event.cloudEventHeaders()).containsEntry("ce_time", "2026-01-02T03:04:05.123456Z");
  }

  @Test
  void specialCharactersComeThroughUnharmed() throws Exception {
    String nasty = "\"quoted\" \\ back\nslash\t\u0000\u001b[31m </script> äöü 日本 😀";
    BuildFacts build =
        new BuildFacts(
            EventSamples.uuid(1),
            nasty,
            nasty,
            List.of(nasty),
            List.of("linux/amd64"),
            nasty,
            true,
            EventSamples.uuid(2));
    FarmEvent event =
        BuildEvents.failed(
            "a farm/with ? & ü", build, new Failure("USER", "BuildFailed", nasty), EventSamples.AT);
    EventValidator.validate(event);
    JsonNode json = JSON.readTree(event.payload());
    assertThat(json.at("/customData/message").asText()).isEqualTo(nasty);
    assertThat(json.at("/customData/build/principal").asText()).isEqualTo(nasty);
    assertThat(json.at("/customData/build/tags/0").asText()).isEqualTo(nasty);
    assertThat(event.source()).isEqualTo("/grange/a%20farm%2Fwith%20%3F%20%26%20%C3%BC");
    assertThat(URI.create(event.source()).getPath()).isEqualTo("/grange/a farm/with ? & ü");
    // PostgreSQL's text takes no NUL, in whatever column.
    assertThat(event.payload()).doesNotContain("\u0000").doesNotContain("\n");
  }

  @Test
  void aPackageUrlNamesTheImageAndSaysWhereItLies() {
    ImageReference image =
        new ImageReference("registry.example.com:5000", "team/app_x", EventSamples.INDEX);
    assertThat(image.purl("Team/App_X"))
        .isEqualTo(
            "pkg:oci/app_x@sha256%3A"
                + "1a".repeat(32)
                + "?repository_url=registry.example.com%3A5000/team/app_x");
    assertThat(image.pullspec())
        .isEqualTo("registry.example.com:5000/team/app_x@" + EventSamples.INDEX);
  }

  @Test
  void aLongMessageKeepsItsEndAndWholeCharacters() {
    assertThat(Failure.bounded("x".repeat(2048))).isEqualTo("x".repeat(2048));
    String cut = Failure.bounded("front " + "😀".repeat(2000) + "the end");
    assertThat(cut).startsWith("…😀").endsWith("😀the end");
    assertThat(cut.getBytes(StandardCharsets.UTF_8).length).isBetween(2040, 2048);
    assertThat(new String(cut.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8))
        .isEqualTo(cut);
  }

  @Test
  void theUsersFaultIsAFailureAndAnyOtherAnError() {
    assertThat(new Failure("USER", "r", "m").outcome()).isEqualTo(Outcome.FAILURE);
    assertThat(new Failure("CONFIG", "r", "m").outcome()).isEqualTo(Outcome.ERROR);
    assertThat(new Failure("INFRA", "r", "m").outcome()).isEqualTo(Outcome.ERROR);
  }

  private static FarmEvent started(AttemptFacts attempt) {
    return BuildEvents.platformStarted(
        "farm", EventSamples.BUILD, EventSamples.PLATFORM_BUILD, attempt, EventSamples.AT);
  }
}
