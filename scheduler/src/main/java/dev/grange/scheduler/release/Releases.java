package dev.grange.scheduler.release;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.grange.domain.release.Decision;
import dev.grange.domain.release.Policy;
import dev.grange.domain.release.TargetPlan;
import dev.grange.domain.release.Template;
import dev.grange.domain.release.TestOutcome;
import dev.grange.events.ImageReference;
import dev.grange.events.ReleaseEvents;
import dev.grange.events.ReleaseFacts;
import dev.grange.events.TestRunFacts;
import dev.grange.scheduler.FarmConfig;
import dev.grange.scheduler.Uuids;
import dev.grange.scheduler.build.BuildRow;
import dev.grange.store.Db;
import dev.grange.store.Outbox;
import jakarta.enterprise.context.ApplicationScoped;
import java.io.IOException;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A candidate's way to a decision. Every method runs in the transaction of what caused it, with the
 * build's row locked, so that a release's events are in order and no two results decide at once.
 */
@ApplicationScoped
public class Releases {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final String farm;
  private final Uuids uuids;

  Releases(FarmConfig farm, Uuids uuids) {
    this.farm = farm.name();
    this.uuids = uuids;
  }

  /**
   * Opens the release of a build that has just succeeded and queues the tests that its policy
   * requires.
   */
  public void open(Db.Tx tx, BuildRow build, ImageReference candidate) throws SQLException {
    Optional<Policy> policy = Policies.newest(tx);
    ReleaseFacts release =
        new ReleaseFacts(
            uuids.next(),
            build.id(),
            build.facts().project(),
            build.facts().image(),
            candidate.digest(),
            policy.map(Policy::name).orElse(null),
            policy.map(Policy::version).orElse(null));
    tx.update(
        "INSERT INTO release (id, build_id, policy, policy_version, digest) VALUES (?, ?, ?, ?, ?)",
        release.id(),
        build.id(),
        release.policy(),
        release.policyVersion(),
        release.digest());
    Outbox.append(tx, ReleaseEvents.opened(farm, release, candidate, build.now()));
    if (policy.isPresent()) {
      Map<String, String> values = values(build, release.digest(), candidate.pullspec());
      for (Policy.TestCase test : policy.get().testCases()) {
        for (String platform : build.facts().platforms()) {
          queueTest(tx, build, release, test, platform, values);
        }
      }
    }
    decide(tx, build, "opened");
  }

  private void queueTest(
      Db.Tx tx,
      BuildRow build,
      ReleaseFacts release,
      Policy.TestCase test,
      String platform,
      Map<String, String> values)
      throws SQLException {
    TestRunFacts run = new TestRunFacts(uuids.next(), test.name(), platform, "");
    List<String> command =
        test.command().stream().map(word -> Template.fill(word, values)).toList();
    tx.update(
        """
        INSERT INTO test_run (id, release_id, test_case, platform, scenario, digest, command, timeout_seconds)
        VALUES (?, ?, ?, ?, ?, ?, ?::jsonb, ?)
        """,
        run.id(),
        release.id(),
        run.testCase(),
        run.platform(),
        run.scenario(),
        release.digest(),
        Policies.json(command),
        test.timeoutSeconds());
    Outbox.append(tx, ReleaseEvents.testQueued(farm, release, run, build.now()));
  }

  static Map<String, String> values(BuildRow build, String digest, String candidate) {
    String id = build.id().toString();
    return Map.of(
        "project",
        build.facts().project(),
        "image",
        build.facts().image(),
        "build",
        id,
        // the random end of a UUIDv7: its beginning is the time, which builds of one minute share
        "short_id",
        id.substring(id.length() - 12),
        "digest",
        digest,
        "candidate",
        candidate);
  }

  /**
   * Decides anew, since something that a decision rests on has changed.
   *
   * @param cause what it was: part of the event's id, so it names the change and nothing else does
   */
  public void decide(Db.Tx tx, BuildRow build, String cause) throws SQLException {
    Optional<Release> found = Release.of(tx, build);
    if (found.isEmpty()) {
      return;
    }
    Release release = found.get();
    if (!release.state().equals("TESTING") && !release.state().equals("BLOCKED")) {
      return;
    }
    Optional<Policy> policy = policyOf(tx, release.facts());
    List<Decision.Result> results = results(tx, release.id());
    Decision decision =
        policy
            .map(p -> Decision.of(p, build.facts().platforms(), results))
            .orElseGet(
                () -> refused("no policy applies: nothing says that this image may be released"));
    List<TargetPlan.Place> places = List.of();
    if (decision.policiesSatisfied() && policy.isPresent()) {
      TargetPlan plan = targets(tx, build, release.facts(), policy.get());
      places = plan.places();
      if (!plan.problems().isEmpty()) {
        decision =
            new Decision(
                false,
                false,
                decision.summary()
                    + ", but it cannot go anywhere: "
                    + String.join("; ", plan.problems()),
                decision.requirements());
      }
    }
    dev.grange.events.Decision told = event(decision, results);
    String stored = json(told);
    boolean changed = release.decision() == null || !stored.equals(normal(release.decision()));
    String state =
        decision.policiesSatisfied() ? "PROMOTING" : decision.pending() ? "TESTING" : "BLOCKED";
    if (changed || !state.equals(release.state())) {
      tx.update(
          "UPDATE release SET decision = ?::jsonb, state = ? WHERE id = ?",
          stored,
          state,
          release.id());
    }
    if (changed) {
      Outbox.append(
          tx,
          ReleaseEvents.decisionChanged(
              farm, release.facts(), told, previous(release.decision()), cause, build.now()));
    }
    if (state.equals("PROMOTING")) {
      openPromotion(tx, release.facts(), places);
    }
  }

  private static Decision refused(String summary) {
    return new Decision(false, false, summary, List.of());
  }

  private static TargetPlan targets(Db.Tx tx, BuildRow build, ReleaseFacts release, Policy policy)
      throws SQLException {
    List<String> stable =
        tx.list(
            "SELECT name FROM registry WHERE role = 'stable' ORDER BY name",
            row -> row.getString("name"));
    return TargetPlan.of(policy, values(build, release.digest(), ""), build.facts().tags(), stable);
  }

  private void openPromotion(Db.Tx tx, ReleaseFacts release, List<TargetPlan.Place> places)
      throws SQLException {
    UUID promotion = uuids.next();
    tx.update("INSERT INTO promotion (id, release_id) VALUES (?, ?)", promotion, release.id());
    for (TargetPlan.Place place : places) {
      tx.update(
          """
          INSERT INTO promotion_target (id, promotion_id, registry, repository, tags) VALUES (?, ?, ?, ?, ?)
          ON CONFLICT (promotion_id, registry, repository) DO NOTHING
          """,
          uuids.next(),
          promotion,
          place.registry(),
          place.repository(),
          place.tags());
    }
  }

  /** Ends a test that waits as an error, and decides anew; no effect on one that does not wait. */
  public void giveUp(Db.Tx tx, BuildRow build, UUID testRun, String message) throws SQLException {
    Optional<Release> release = Release.of(tx, build);
    List<TestRunFacts> ended =
        tx.list(
            """
            UPDATE test_run SET outcome = 'ERROR', finished_at = now(), message = ? WHERE id = ? AND outcome = 'QUEUED'
            RETURNING id, test_case, platform, scenario
            """,
            Releases::testRun,
            message,
            testRun);
    for (TestRunFacts test : ended) {
      Outbox.append(
          tx,
          ReleaseEvents.testFinished(
              farm,
              release.orElseThrow().facts(),
              test,
              dev.grange.events.TestOutcome.ERROR,
              message,
              null,
              build.now()));
      decide(tx, build, test.id().toString());
    }
  }

  /** Ends a release without a promotion; no effect on one that has ended. */
  public boolean withdraw(Db.Tx tx, BuildRow build, @Nullable String principal, String reason)
      throws SQLException {
    Optional<Release> found = Release.of(tx, build);
    if (found.isEmpty()) {
      return false;
    }
    int withdrawn =
        tx.update(
            """
            UPDATE release SET state = 'WITHDRAWN', finished_at = now(), epoch = epoch + 1
            WHERE id = ? AND state IN ('TESTING', 'BLOCKED', 'PROMOTING')
            """,
            found.get().id());
    if (withdrawn == 0) {
      return false;
    }
    tx.update(
        "UPDATE promotion SET finished_at = now() WHERE release_id = ? AND finished_at IS NULL",
        found.get().id());
    for (TestRunFacts test :
        tx.list(
            """
            UPDATE test_run SET outcome = 'ERROR', finished_at = now(), message = 'the release was withdrawn'
            WHERE release_id = ? AND outcome = 'QUEUED' RETURNING id, test_case, platform, scenario
            """,
            Releases::testRun,
            found.get().id())) {
      Outbox.append(
          tx,
          ReleaseEvents.testFinished(
              farm,
              found.get().facts(),
              test,
              dev.grange.events.TestOutcome.ERROR,
              "the release was withdrawn",
              null,
              build.now()));
    }
    Outbox.append(
        tx, ReleaseEvents.withdrawn(farm, found.get().facts(), principal, reason, build.now()));
    return true;
  }

  /** The release of a build, as events name it. */
  public Optional<ReleaseFacts> facts(Db.Tx tx, BuildRow build) throws SQLException {
    return Release.of(tx, build).map(Release::facts);
  }

  public static TestRunFacts testRun(java.sql.ResultSet row) throws SQLException {
    return new TestRunFacts(
        Db.uuid(row, "id"),
        row.getString("test_case"),
        row.getString("platform"),
        row.getString("scenario"));
  }

  private static Optional<Policy> policyOf(Db.Tx tx, ReleaseFacts release) throws SQLException {
    String name = release.policy();
    Integer version = release.policyVersion();
    return name == null || version == null ? Optional.empty() : Policies.version(tx, name, version);
  }

  private static List<Decision.Result> results(Db.Tx tx, UUID release) throws SQLException {
    return tx.list(
        "SELECT test_case, platform, outcome FROM test_run WHERE release_id = ? ORDER BY"
            + " created_at, id",
        row ->
            new Decision.Result(
                row.getString("test_case"),
                row.getString("platform"),
                TestOutcome.valueOf(row.getString("outcome"))),
        release);
  }

  private static dev.grange.events.Decision event(
      Decision decision, List<Decision.Result> results) {
    List<dev.grange.events.Decision.Requirement> requirements = new ArrayList<>();
    for (Decision.Requirement requirement : decision.requirements()) {
      String outcome =
          results.stream()
              .filter(
                  r ->
                      r.testCase().equals(requirement.testCase())
                          && r.platform().equals(requirement.platform()))
              .map(r -> r.outcome().name())
              .reduce("MISSING", (first, second) -> second);
      requirements.add(
          new dev.grange.events.Decision.Requirement(
              requirement.testCase(),
              requirement.platform(),
              "",
              requirement.type().isSatisfied(),
              outcome,
              null));
    }
    return new dev.grange.events.Decision(
        decision.policiesSatisfied(), decision.summary(), requirements);
  }

  private static String json(dev.grange.events.Decision decision) {
    ObjectNode node =
        JSON.createObjectNode()
            .put("policies_satisfied", decision.policiesSatisfied())
            .put("summary", decision.summary());
    ArrayNode requirements = node.putArray("requirements");
    for (dev.grange.events.Decision.Requirement requirement : decision.requirements()) {
      requirements
          .addObject()
          .put("test_case", requirement.testCase())
          .put("platform", requirement.platform())
          .put("scenario", requirement.scenario())
          .put("satisfied", requirement.satisfied())
          .put("outcome", requirement.outcome());
    }
    return node.toString();
  }

  /** PostgreSQL's jsonb has an order of keys of its own. */
  private static String normal(String stored) throws SQLException {
    return json(read(stored));
  }

  private static dev.grange.events.@Nullable Decision previous(@Nullable String stored)
      throws SQLException {
    return stored == null ? null : read(stored);
  }

  private static dev.grange.events.Decision read(String stored) throws SQLException {
    try {
      JsonNode node = JSON.readTree(stored);
      List<dev.grange.events.Decision.Requirement> requirements = new ArrayList<>();
      for (JsonNode requirement : node.path("requirements")) {
        requirements.add(
            new dev.grange.events.Decision.Requirement(
                requirement.path("test_case").asText(),
                requirement.path("platform").asText(),
                requirement.path("scenario").asText(),
                requirement.path("satisfied").asBoolean(),
                requirement.path("outcome").asText(),
                null));
      }
      return new dev.grange.events.Decision(
          node.path("policies_satisfied").asBoolean(), node.path("summary").asText(), requirements);
    } catch (IOException e) {
      throw new SQLException("a stored decision is not JSON", e);
    }
  }
}
