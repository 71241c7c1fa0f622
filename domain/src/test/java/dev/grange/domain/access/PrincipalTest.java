package dev.grange.domain.access;

import static org.assertj.core.api.Assertions.assertThat;

import dev.grange.domain.access.Principal.Account;
import dev.grange.domain.access.Principal.Anonymous;
import dev.grange.domain.access.Principal.BuildAttempt;
import dev.grange.domain.access.Principal.Rule;
import dev.grange.domain.access.Principal.TestAttempt;
import dev.grange.domain.access.Scope.Action;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class PrincipalTest {
  private static final Principal BUILD = new BuildAttempt("attempts/1", "red");
  private static final Principal TEST = new TestAttempt("builds/1");
  private static final Principal NOBODY = new Anonymous();
  private static final Principal ACCOUNT =
      new Account(
          List.of(
              new Rule(Set.of(Action.PULL, Action.PUSH), "base/", "candidate"),
              new Rule(Set.of(Action.PULL), "one", "stable")));

  /** All that somebody may do there: what is granted when everything is asked for. */
  private static Set<Action> allowed(
      Principal principal, boolean anonymousPull, String registry, String repository) {
    return principal
        .granted(
            registry, anonymousPull, List.of(new Scope(repository, EnumSet.allOf(Action.class))))
        .stream()
        .findFirst()
        .map(Scope::actions)
        .orElse(Set.of());
  }

  private static Set<Action> allowed(Principal principal, String repository) {
    return allowed(principal, false, "candidate", repository);
  }

  @Test
  void aBuildPushesToItsOwnRepositoryOnly() {
    assertThat(allowed(BUILD, "attempts/1")).containsOnly(Action.PULL, Action.PUSH);
    for (String other :
        List.of(
            "attempts/2",
            "attempts/1/x",
            "attempts/10",
            "attempts",
            "builds/1",
            "cache/red",
            "contexts/red",
            "base/os",
            "attempts1")) {
      assertThat(allowed(BUILD, other)).as(other).doesNotContain(Action.PUSH, Action.DELETE);
    }
  }

  @Test
  void aBuildPullsItsParentsAndItsProjectsContexts() {
    for (String parent : List.of("base/os", "builds/1", "red/app", "contexts/red")) {
      assertThat(allowed(BUILD, parent)).as(parent).containsOnly(Action.PULL);
    }
    for (String closed :
        List.of("contexts/blue", "contexts/red/x", "contexts", "attempts/2", "cache/red")) {
      assertThat(allowed(BUILD, closed)).as(closed).isEmpty();
    }
  }

  @Test
  void aTestPullsItsCandidateOnly() {
    assertThat(allowed(TEST, "builds/1")).containsOnly(Action.PULL);
    for (String other : List.of("builds/2", "base/os", "attempts/1", "contexts/red", "cache/x")) {
      assertThat(allowed(TEST, other)).as(other).isEmpty();
    }
  }

  @Test
  void noWorkerHasAnythingInStable() {
    for (Principal worker : List.of(BUILD, TEST)) {
      for (String repository : List.of("red/app", "attempts/1", "builds/1", "contexts/red")) {
        assertThat(allowed(worker, false, "stable", repository)).as(repository).isEmpty();
        assertThat(allowed(worker, true, "stable", repository)).containsOnly(Action.PULL);
      }
    }
  }

  @Test
  void whereEverybodyMayPullNobodyMayPushOrSeeWhatIsPrivate() {
    assertThat(allowed(NOBODY, true, "candidate", "builds/1")).containsOnly(Action.PULL);
    assertThat(allowed(NOBODY, true, "stable", "red/app")).containsOnly(Action.PULL);
    for (String closed : List.of("contexts/red", "attempts/1", "cache/red", "contexts")) {
      assertThat(allowed(NOBODY, true, "candidate", closed)).as(closed).isEmpty();
    }
    assertThat(allowed(NOBODY, false, "stable", "red/app")).isEmpty();
    assertThat(allowed(NOBODY, false, "candidate", "builds/1")).isEmpty();
  }

  @Test
  void anAccountMayDoWhatItsLinesSay() {
    assertThat(allowed(ACCOUNT, "base/os")).containsOnly(Action.PULL, Action.PUSH);
    assertThat(allowed(ACCOUNT, false, "stable", "one")).containsOnly(Action.PULL);
    assertThat(allowed(ACCOUNT, false, "stable", "one/two")).isEmpty();
    assertThat(allowed(ACCOUNT, false, "stable", "base/os")).isEmpty();
    assertThat(allowed(ACCOUNT, "based")).isEmpty();
  }

  @Test
  void moreThanWasAskedForIsNeverGranted() {
    assertThat(BUILD.granted("candidate", true, List.of(Scope.of("attempts/1", Action.PULL))))
        .containsExactly(Scope.of("attempts/1", Action.PULL));
    assertThat(BUILD.granted("candidate", true, List.of())).isEmpty();
  }
}
