package dev.grange.domain.access;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.grange.domain.access.Scope.Action;
import dev.grange.domain.access.Scope.InvalidScope;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ScopeTest {
  @Test
  void aPushThatMountsALayerAsksForTwoRepositories() throws Exception {
    assertThat(
            Scope.parse(List.of("repository:attempts/1:pull,push", "repository:bench/base:pull")))
        .containsExactly(
            Scope.of("attempts/1", Action.PULL, Action.PUSH), Scope.of("bench/base", Action.PULL));
  }

  @Test
  void severalScopesInOneParameterAreSeparatedBySpaces() throws Exception {
    assertThat(Scope.parse(List.of("repository:a:pull repository:b:push")))
        .containsExactly(Scope.of("a", Action.PULL), Scope.of("b", Action.PUSH));
  }

  @Test
  void aRepositoryThatIsNamedTwiceComesOnceWithAllActions() throws Exception {
    assertThat(Scope.parse(List.of("repository:a:pull", "repository:a:push")))
        .containsExactly(Scope.of("a", Action.PULL, Action.PUSH));
  }

  @Test
  void theCatalogueAndActionsThatNobodyKnowsAreLeftOut() throws Exception {
    assertThat(Scope.parse(List.of("registry:catalog:*", "repository:a:pull,*,admin")))
        .containsExactly(Scope.of("a", Action.PULL));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "x",
        ":",
        "::",
        "repository",
        "repository:a",
        "repository::pull",
        "repository:../../etc:pull",
        "repository:a//b:pull",
        "repository:/a:pull",
        "repository:a/:pull",
        "repository:A:pull",
        "repository:a\n:pull",
        "repository:a%2fb:pull",
        "repository:host:5000/a:pull",
        "repository:a\",\"actions\":[\"push\"]:pull",
        "repository:attempts/1/../2:push"
      })
  void whatCannotBeARepositoryIsRefused(String scope) {
    assertThatThrownBy(() -> Scope.parse(List.of(scope)))
        .isInstanceOf(InvalidScope.class)
        .message()
        .doesNotContain("etc", "\n");
  }

  @Test
  void tooManyAndTooLongAreRefused() {
    assertThatThrownBy(() -> Scope.parse(Collections.nCopies(9, "repository:a:pull")))
        .isInstanceOf(InvalidScope.class);
    assertThatThrownBy(() -> Scope.parse(List.of("repository:" + "a".repeat(600) + ":pull")))
        .isInstanceOf(InvalidScope.class);
    assertThatThrownBy(() -> Scope.parse(List.of("repository:" + "a".repeat(256) + ":pull")))
        .isInstanceOf(InvalidScope.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {"a-", "a.", "a__", "a/", "a"})
  void noNameTakesLongToJudge(String part) {
    String name = part.repeat(250 / part.length()) + "!";
    Assertions.assertTimeoutPreemptively(
        Duration.ofSeconds(2), () -> assertThat(Scope.isRepository(name)).isFalse());
  }
}
