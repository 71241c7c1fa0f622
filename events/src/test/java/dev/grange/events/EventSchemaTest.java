package dev.grange.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class EventSchemaTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TestFactory
  Stream<DynamicTest> everyEventOfTheFarmIsValid() {
    return EventSamples.all().entrySet().stream()
        .map(
            sample ->
                DynamicTest.dynamicTest(
                    sample.getKey(), () -> EventValidator.validate(sample.getValue())));
  }

  @Test
  void everyTypeHasASampleAndASchema() {
    assertThat(
            EventSamples.all().values().stream().map(FarmEvent::type).collect(Collectors.toSet()))
        .containsExactlyInAnyOrderElementsOf(
            Arrays.stream(EventType.values()).map(EventType::typeName).toList());
  }

  @Test
  void namesOfOurOwnTypesHaveTheFormThatCdEventsDemands() {
    Pattern custom =
        Pattern.compile("dev\\.cdeventsx\\.[a-zA-Z0-9]+-[a-zA-Z]+\\.[a-zA-Z]+(\\.[0-9]){3}");
    Pattern standard = Pattern.compile("dev\\.cdevents\\.[a-z]+\\.[a-z]+(\\.[0-9]){3}");
    assertThat(EventType.values())
        .allMatch(
            type ->
                custom.matcher(type.typeName()).matches()
                    || standard.matcher(type.typeName()).matches());
  }

  @TestFactory
  Stream<DynamicTest> whatCdEventsRefusesIsRefused() {
    return Stream.of(
        refused(
            "an outcome in the content of build.finished",
            succeeded(),
            event -> content(event).put("outcome", "success")),
        refused(
            "a subject with a type, as before 0.5",
            succeeded(),
            event -> at(event, "/subject").put("type", "build")),
        refused(
            "a context with a version, as before 0.5",
            succeeded(),
            event -> at(event, "/context").put("version", "0.5.1")),
        refused(
            "an outcome that CDEvents does not know",
            taskRun(),
            event -> content(event).put("outcome", "timeout")),
        refused(
            "a url where CDEvents says uri",
            taskRun(),
            event -> content(event).put("url", "https://example.com/")),
        refused("no timestamp", succeeded(), event -> at(event, "/context").remove("timestamp")),
        refused(
            "a timestamp without a zone",
            succeeded(),
            event -> at(event, "/context").put("timestamp", "2026-01-02T03:04:05")),
        refused(
            "a source that is no URI reference",
            succeeded(),
            event -> at(event, "/context").put("source", "my farm")),
        refused("no subject", succeeded(), event -> event.remove("subject")),
        refused(
            "no subject.content", succeeded(), event -> at(event, "/subject").remove("content")),
        refused(
            "another type than is claimed",
            succeeded(),
            event -> at(event, "/context").put("type", EventType.BUILD_QUEUED.typeName())),
        refused("a package without a change", packaged(), event -> content(event).remove("change")),
        refused(
            "a test without its place", tested(), event -> content(event).remove("environment")),
        refused("a test without an outcome", tested(), event -> content(event).remove("outcome")),
        refused("something beside the custom data", succeeded(), event -> event.put("extra", 1)));
  }

  @TestFactory
  Stream<DynamicTest> whatContradictsItselfIsRefused() {
    return Stream.of(
        refused("no outcome", succeeded(), event -> custom(event).remove("outcome")),
        refused("no custom data", succeeded(), event -> event.remove("customData")),
        refused("a success with a fault", succeeded(), event -> custom(event).put("fault", "USER")),
        refused("a success without candidate", succeeded(), e -> custom(e).putNull("candidate")),
        refused("a failure without reason", failed(), event -> custom(event).putNull("reason")),
        refused(
            "a failure that the farm is to blame for",
            failed(),
            event -> custom(event).put("fault", "INFRA")),
        refused("an unknown member", failed(), event -> custom(event).put("exit", 2)),
        refused(
            "a message beyond the bound",
            failed(),
            event -> custom(event).put("message", "x".repeat(Failure.MAX_MESSAGE_BYTES + 1))),
        refused(
            "custom data of another schema",
            failed(),
            event -> custom(event).put("schema", "grange.release/1")));
  }

  @Test
  void everyProblemIsListed() {
    ObjectNode event = read(succeeded());
    content(event).put("outcome", "success");
    at(event, "/subject").put("type", "build");
    assertThatThrownBy(() -> EventValidator.validate(succeeded().type(), event.toString()))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("/subject/content")
        .hasMessageContaining("/subject:");
  }

  @Test
  void whatIsNoJsonOrOfNoKnownTypeIsRefused() {
    assertThatThrownBy(() -> EventValidator.validate(succeeded().type(), "{"))
        .isInstanceOf(AssertionError.class);
    assertThatThrownBy(() -> EventValidator.validate("dev.cdevents.build.finished.0.1.0", "{}"))
        .isInstanceOf(AssertionError.class);
  }

  @Test
  void aCustomEventMayCarryContent() {
    FarmEvent event =
        ReleaseEvents.withdrawn(
            EventSamples.FARM, EventSamples.RELEASE, null, "superseded", EventSamples.AT);
    ObjectNode json = read(event);
    content(json).put("anything", true);
    assertThatCode(() -> EventValidator.validate(event.type(), json.toString()))
        .doesNotThrowAnyException();
  }

  private static DynamicTest refused(String what, FarmEvent event, Consumer<ObjectNode> change) {
    return DynamicTest.dynamicTest(
        what,
        () -> {
          EventValidator.validate(event);
          ObjectNode json = read(event);
          change.accept(json);
          assertThatThrownBy(() -> EventValidator.validate(event.type(), json.toString()))
              .isInstanceOf(AssertionError.class);
        });
  }

  private static FarmEvent succeeded() {
    return BuildEvents.succeeded(
        EventSamples.FARM, EventSamples.BUILD, EventSamples.CANDIDATE, EventSamples.AT);
  }

  private static FarmEvent failed() {
    return BuildEvents.failed(
        EventSamples.FARM, EventSamples.BUILD, EventSamples.USER_FAILURE, EventSamples.AT);
  }

  private static FarmEvent taskRun() {
    return BuildEvents.platformSucceeded(
        EventSamples.FARM,
        EventSamples.BUILD,
        EventSamples.PLATFORM_BUILD,
        EventSamples.FIRST,
        EventSamples.AMD64,
        EventSamples.AT);
  }

  private static FarmEvent packaged() {
    return BuildEvents.packaged(
        EventSamples.FARM,
        EventSamples.BUILD,
        EventSamples.CANDIDATE,
        Change.ofInputs(EventSamples.FARM, EventSamples.INPUTS),
        List.of(new BuildEvents.PlatformImage("linux/amd64", EventSamples.AMD64)),
        EventSamples.AT);
  }

  private static FarmEvent tested() {
    return ReleaseEvents.testFinished(
        EventSamples.FARM,
        EventSamples.RELEASE,
        EventSamples.TEST,
        TestOutcome.PASSED,
        null,
        EventSamples.TEST_ATTEMPT,
        EventSamples.AT);
  }

  private static ObjectNode content(ObjectNode event) {
    return at(event, "/subject/content");
  }

  private static ObjectNode custom(ObjectNode event) {
    return at(event, "/customData");
  }

  private static ObjectNode at(ObjectNode event, String pointer) {
    return (ObjectNode) event.at(pointer);
  }

  private static ObjectNode read(FarmEvent event) {
    try {
      JsonNode node = JSON.readTree(event.payload());
      return (ObjectNode) node;
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
