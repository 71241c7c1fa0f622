package dev.grange.domain.placement;

import static org.assertj.core.api.Assertions.assertThat;

import dev.grange.domain.placement.Placement.Assignment;
import dev.grange.domain.placement.Placement.Plan;
import dev.grange.domain.placement.Placement.Refusal;
import dev.grange.domain.placement.Placement.Wait;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class PlacementTest {
  private static final String AMD = "linux/amd64";
  private static final String ARM = "linux/arm64";
  private static long next;

  private static Work build(String... avoid) {
    return new Work(new UUID(0, next++), false, "default", AMD, Set.of(avoid), null);
  }

  private static Work test() {
    return new Work(new UUID(1, next++), true, "default", AMD, Set.of(), null);
  }

  private static Work on(String platform) {
    return new Work(new UUID(2, next++), false, "default", platform, Set.of(), null);
  }

  private static ClusterView cluster(String name, int slots, int used) {
    return new ClusterView(name, true, true, true, Set.of(AMD), slots, used, 100);
  }

  private static List<String> where(Plan plan) {
    return plan.assignments().stream().map(Assignment::cluster).toList();
  }

  private static Refusal refusal(Work work, ClusterView... clusters) {
    Plan plan = Placement.plan(List.of(work), List.of(clusters));
    assertThat(plan.assignments()).isEmpty();
    return plan.refusals().getFirst();
  }

  @Test
  void workGoesToTheClusterWithTheLeastLoad() {
    Plan plan = Placement.plan(List.of(build()), List.of(cluster("a", 4, 2), cluster("b", 4, 1)));
    assertThat(where(plan)).containsExactly("b");
  }

  @Test
  void loadIsCountedForEachSlotAndNotInAttempts() {
    Plan plan =
        Placement.plan(List.of(build()), List.of(cluster("small", 2, 1), cluster("big", 20, 5)));
    assertThat(where(plan)).containsExactly("big");
  }

  @Test
  void aClusterOfTwiceTheWeightGetsTwiceTheWork() {
    ClusterView heavy = new ClusterView("heavy", true, true, true, Set.of(AMD), 30, 0, 200);
    Plan plan =
        Placement.plan(
            Stream.generate(PlacementTest::build).limit(30).toList(),
            List.of(cluster("light", 30, 0), heavy));
    assertThat(where(plan)).filteredOn("heavy"::equals).hasSize(20);
  }

  @Test
  void whatIsPlacedInARoundCountsForTheRestOfIt() {
    Plan plan =
        Placement.plan(
            List.of(build(), build(), build(), build()),
            List.of(cluster("a", 2, 0), cluster("b", 2, 0)));
    assertThat(where(plan)).containsExactly("a", "b", "a", "b");
  }

  @Test
  void aClusterWhereItFailedIsTakenLast() {
    Plan plan =
        Placement.plan(List.of(build("a")), List.of(cluster("a", 10, 0), cluster("b", 10, 9)));
    assertThat(where(plan)).containsExactly("b");
  }

  @Test
  void aClusterWhereItFailedIsTakenAllTheSameWhenNothingElseIsLeft() {
    Plan plan =
        Placement.plan(List.of(build("a")), List.of(cluster("a", 1, 0), cluster("b", 1, 1)));
    assertThat(where(plan)).containsExactly("a");
  }

  @Test
  void testsGoFirstWhereverTheyStandInTheQueue() {
    Work build = build();
    Work test = test();
    Plan plan = Placement.plan(List.of(build, test), List.of(cluster("a", 1, 0)));
    assertThat(plan.assignments()).containsExactly(new Assignment(test, "a"));
    assertThat(plan.refusals()).extracting(Refusal::work).containsExactly(build);
  }

  @Test
  void theQueueIsServedInItsOrder() {
    List<Work> queue = List.of(build(), build(), build());
    Plan plan = Placement.plan(queue, List.of(cluster("a", 2, 0)));
    assertThat(plan.assignments().stream().map(Assignment::work))
        .containsExactly(queue.get(0), queue.get(1));
  }

  @Test
  void workThatCannotBePlacedHoldsUpNobodyBehindIt() {
    Work stuck = on("linux/s390x");
    Work ready = build();
    Plan plan = Placement.plan(List.of(stuck, ready), List.of(cluster("a", 1, 0)));
    assertThat(plan.assignments()).containsExactly(new Assignment(ready, "a"));
  }

  @Test
  void aPlatformThatNoClusterBuildsForIsSaidSo() {
    Refusal refusal = refusal(on(ARM), cluster("a", 1, 0));
    assertThat(refusal.why()).isEqualTo(Wait.NO_CLUSTER_FOR_PLATFORM);
    assertThat(refusal.why().code()).isEqualTo("NoClusterForPlatform");
    assertThat(refusal.message()).contains(ARM).contains("register");
    assertThat(refusal.clusters()).containsEntry("a", "does not build for linux/arm64");
  }

  @Test
  void withoutAnyClusterThereIsNoneForThePlatform() {
    assertThat(refusal(build()).why()).isEqualTo(Wait.NO_CLUSTER_FOR_PLATFORM);
  }

  @Test
  void fullClustersAreSaidSo() {
    Refusal refusal = refusal(build(), cluster("a", 2, 2), cluster("none", 0, 0));
    assertThat(refusal.why()).isEqualTo(Wait.NO_FREE_SLOT);
    assertThat(refusal.clusters())
        .containsEntry("a", "all 2 slots are taken")
        .containsEntry("none", "all 0 slots are taken");
  }

  @Test
  void whyEachClusterDoesNotTakeItIsSaidByName() {
    Set<String> amd = Set.of(AMD);
    Refusal refusal =
        refusal(
            build(),
            new ClusterView("cordoned", false, true, true, amd, 1, 0, 100),
            new ClusterView("away", true, false, true, amd, 1, 0, 100),
            new ClusterView("orphaned", true, true, false, amd, 1, 0, 100));
    assertThat(refusal.why()).isEqualTo(Wait.NO_CLUSTER_AVAILABLE);
    assertThat(refusal.clusters())
        .isEqualTo(
            Map.of(
                "cordoned", "takes no new work (cordoned or draining)",
                "away", "cannot be reached",
                "orphaned", "no scheduler looks after it now"));
  }

  @Test
  void aClusterThatIsOverbookedTakesNothingAndBreaksNothing() {
    assertThat(refusal(build(), cluster("a", 1, 3)).why()).isEqualTo(Wait.NO_FREE_SLOT);
  }

  @Test
  void inRandomFarmsNoSlotIsSoldTwiceNothingIsForgottenAndNoSlotStaysFreeForNoReason() {
    Random random = new Random(20_260_101);
    String[] platforms = {AMD, ARM, "linux/s390x"};
    for (int farm = 0; farm < 2_000; farm++) {
      List<ClusterView> clusters = new ArrayList<>();
      for (int i = random.nextInt(5); i > 0; i--) {
        Set<String> builds = random.nextBoolean() ? Set.of(AMD, ARM) : Set.of(AMD);
        clusters.add(
            new ClusterView(
                "c" + i,
                random.nextInt(5) > 0,
                random.nextInt(5) > 0,
                random.nextInt(5) > 0,
                builds,
                random.nextInt(6),
                random.nextInt(6),
                1 + random.nextInt(1000)));
      }
      List<Work> queue = new ArrayList<>();
      for (int i = random.nextInt(20); i > 0; i--) {
        queue.add(
            new Work(
                new UUID(farm, i),
                random.nextBoolean(),
                "p" + random.nextInt(3),
                platforms[random.nextInt(3)],
                random.nextBoolean() ? Set.of("c1") : Set.of(),
                random.nextInt(4) == 0 ? "c0" : null));
      }
      Plan plan = Placement.plan(queue, clusters);
      check(queue, clusters, plan);
      assertThat(Placement.plan(queue, clusters)).as("the same again").isEqualTo(plan);
    }
  }

  @Test
  void workThatAsksForAClusterWaitsForThatOne() {
    Work work = new Work(new UUID(9, 9), false, "default", AMD, Set.of(), "far");

    Plan plan = Placement.plan(List.of(work), List.of(cluster("near", 2, 0)));

    assertThat(plan.assignments()).isEmpty();
    assertThat(plan.refusals().getFirst().message()).contains("cluster far does not build");
  }

  private static void check(List<Work> queue, List<ClusterView> clusters, Plan plan) {
    Map<String, Integer> used = new HashMap<>();
    clusters.forEach(c -> used.put(c.name(), c.used()));
    for (Assignment assignment : plan.assignments()) {
      ClusterView cluster =
          clusters.stream().filter(c -> c.name().equals(assignment.cluster())).findFirst().get();
      assertThat(eligible(assignment.work(), cluster)).isTrue();
      assertThat(used.merge(cluster.name(), 1, Integer::sum)).isLessThanOrEqualTo(cluster.slots());
    }
    assertThat(
            Stream.concat(
                plan.assignments().stream().map(Assignment::work),
                plan.refusals().stream().map(Refusal::work)))
        .containsExactlyInAnyOrderElementsOf(queue);
    for (Refusal refusal : plan.refusals()) {
      assertThat(clusters)
          .noneMatch(c -> eligible(refusal.work(), c) && used.get(c.name()) < c.slots());
      assertThat(refusal.clusters()).hasSameSizeAs(clusters);
    }
  }

  private static boolean eligible(Work work, ClusterView cluster) {
    return (work.cluster() == null || work.cluster().equals(cluster.name()))
        && cluster.platforms().contains(work.platform())
        && cluster.takesWork()
        && cluster.reachable()
        && cluster.held();
  }
}
