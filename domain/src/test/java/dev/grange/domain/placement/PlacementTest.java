package dev.grange.domain.placement;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.grange.domain.placement.ClusterView.Pace;
import dev.grange.domain.placement.Placement.Assignment;
import dev.grange.domain.placement.Placement.Plan;
import dev.grange.domain.placement.Placement.Refusal;
import dev.grange.domain.placement.Placement.Share;
import dev.grange.domain.placement.Placement.Snapshot;
import dev.grange.domain.placement.Placement.Wait;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class PlacementTest {
  private static final String AMD = "linux/amd64";
  private static final String ARM = "linux/arm64";
  private static final Lane BUILDS = lane("default", AMD);
  private static final Lane TESTS = new Lane("default", true, AMD, null, Map.of());
  private static long next;

  private static Lane lane(String project, String platform) {
    return new Lane(project, false, platform, null, Map.of());
  }

  private static Work work() {
    return work(0);
  }

  private static Work work(int priority) {
    return new Work(new UUID(0, next), priority, Instant.ofEpochSecond(next++), Set.of(), Set.of());
  }

  private static Work avoiding(String cluster) {
    return new Work(new UUID(0, next++), 0, Instant.EPOCH, Set.of(cluster), Set.of());
  }

  private static Work warmOn(String cluster) {
    return new Work(new UUID(0, next++), 0, Instant.EPOCH, Set.of(), Set.of(cluster));
  }

  private static Queue queue(Lane lane, Work... heads) {
    return new Queue(lane, List.of(heads), false, null);
  }

  private static Queue queue(Lane lane, int length) {
    return new Queue(
        lane, Stream.generate(PlacementTest::work).limit(length).toList(), false, null);
  }

  private static ClusterView cluster(String name, int slots, int used) {
    return cluster(name, null, Set.of(AMD), slots, used, 100);
  }

  private static ClusterView cluster(
      String name,
      @Nullable String closed,
      Set<String> platforms,
      int slots,
      int used,
      int weight) {
    return new ClusterView(
        name, closed, platforms, Map.of(), slots, used, weight, Integer.MAX_VALUE, Pace.RATE);
  }

  private static ClusterView paced(String name, int slots, int used, int starts, Pace pace) {
    return new ClusterView(name, null, Set.of(AMD), Map.of(), slots, used, 100, starts, pace);
  }

  private static ClusterView labelled(String name, Map<String, String> labels) {
    return new ClusterView(
        name, null, Set.of(AMD), labels, 10, 0, 100, Integer.MAX_VALUE, Pace.RATE);
  }

  private static Plan plan(List<Queue> queues, ClusterView... clusters) {
    return Placement.plan(
        new Snapshot(queues, List.of(clusters), Map.of(), Map.of(), Integer.MAX_VALUE));
  }

  private static List<String> where(Plan plan) {
    return plan.assignments().stream().map(Assignment::cluster).toList();
  }

  private static Refusal refusal(Lane lane, ClusterView... clusters) {
    Plan plan = plan(List.of(queue(lane, work())), clusters);
    assertThat(plan.assignments()).isEmpty();
    return plan.refusals().getFirst();
  }

  @Test
  void workGoesToTheClusterWithTheLeastLoad() {
    Plan plan = plan(List.of(queue(BUILDS, work())), cluster("a", 4, 2), cluster("b", 4, 1));
    assertThat(where(plan)).containsExactly("b");
  }

  @Test
  void loadIsCountedForEachSlotAndNotInAttempts() {
    Plan plan = plan(List.of(queue(BUILDS, work())), cluster("small", 2, 1), cluster("big", 20, 5));
    assertThat(where(plan)).containsExactly("big");
  }

  @Test
  void aClusterOfTwiceTheWeightGetsTwiceTheWork() {
    ClusterView heavy = cluster("heavy", null, Set.of(AMD), 30, 0, 200);
    Plan plan = plan(List.of(queue(BUILDS, 30)), cluster("light", 30, 0), heavy);
    assertThat(where(plan)).filteredOn("heavy"::equals).hasSize(20);
  }

  @Test
  void whatIsPlacedInARoundCountsForTheRestOfIt() {
    Plan plan = plan(List.of(queue(BUILDS, 4)), cluster("a", 2, 0), cluster("b", 2, 0));
    assertThat(where(plan)).containsExactly("a", "b", "a", "b");
  }

  @Test
  void aClusterWhereItFailedIsTakenLast() {
    Plan plan =
        plan(List.of(queue(BUILDS, avoiding("a"))), cluster("a", 10, 0), cluster("b", 10, 9));
    assertThat(where(plan)).containsExactly("b");
  }

  @Test
  void aClusterWhereItFailedIsTakenAllTheSameWhenNothingElseIsLeft() {
    Plan plan = plan(List.of(queue(BUILDS, avoiding("a"))), cluster("a", 1, 0), cluster("b", 1, 1));
    assertThat(where(plan)).containsExactly("a");
  }

  @Test
  void aClusterThatHadTheImageLatelyWinsATie() {
    Plan plan = plan(List.of(queue(BUILDS, warmOn("b"))), cluster("a", 4, 1), cluster("b", 4, 1));
    assertThat(where(plan)).containsExactly("b");
  }

  @Test
  void warmLayersDoNotOutweighABuildThatRuns() {
    Plan plan = plan(List.of(queue(BUILDS, warmOn("b"))), cluster("a", 4, 1), cluster("b", 4, 2));
    assertThat(where(plan)).containsExactly("a");
  }

  @Test
  void twentyBuildsOfOneImageSpreadEvenlyThoughOneClusterIsWarm() {
    Work[] all = Stream.generate(() -> warmOn("b")).limit(20).toArray(Work[]::new);
    Plan plan = plan(List.of(queue(BUILDS, all)), cluster("a", 16, 0), cluster("b", 16, 0));
    assertThat(where(plan)).filteredOn("a"::equals).hasSize(10);
  }

  @Test
  void testsGoFirst() {
    Work build = work(100);
    Work test = work();
    Plan plan = plan(List.of(queue(BUILDS, build), queue(TESTS, test)), cluster("a", 1, 0));
    assertThat(plan.assignments()).containsExactly(new Assignment(test, TESTS, "a"));
    assertThat(plan.refusals()).extracting(Refusal::lane).containsExactly(BUILDS);
  }

  @Test
  void withinAProjectPriorityGoesFirstThenAge() {
    Lane pinned = new Lane("default", false, AMD, "a", Map.of());
    Work old = work(0);
    Work young = work(0);
    Work urgent = work(5);
    Plan plan = plan(List.of(queue(pinned, urgent, young), queue(BUILDS, old)), cluster("a", 3, 0));
    assertThat(plan.assignments().stream().map(Assignment::work))
        .containsExactly(urgent, old, young);
  }

  @Test
  void priorityOfOneProjectTakesNothingFromAnother() {
    Work urgent = work(100);
    Work other = work(-100);
    Plan plan =
        Placement.plan(
            new Snapshot(
                List.of(queue(lane("loud", AMD), urgent), queue(lane("quiet", AMD), other)),
                List.of(cluster("a", 2, 1)),
                Map.of(new Share("loud", AMD), 1),
                Map.of(),
                10));
    assertThat(plan.assignments().stream().map(Assignment::work)).containsExactly(other);
  }

  @Test
  void onAFarmOfOneSlotProjectsTakeTurns() {
    Queue long_ = queue(lane("a", AMD), 100);
    Queue young = queue(lane("b", AMD), 1);
    Instant now = Instant.EPOCH.plusSeconds(1_000_000);
    assertThat(plan(List.of(long_, young), cluster("c", 1, 0)).assignments().getFirst().lane())
        .as("the oldest when none was served")
        .isEqualTo(long_.lane());
    Queue served = new Queue(long_.lane(), long_.heads(), false, now);
    assertThat(plan(List.of(served, young), cluster("c", 1, 0)).assignments().getFirst().lane())
        .as("then the other")
        .isEqualTo(young.lane());
  }

  @Test
  void sharesAreCountedForEachPlatformAlsoOnClustersThatBuildForTwo() {
    Lane slowAmd = lane("slow", AMD);
    Lane slowArm = lane("slow", ARM);
    Lane quickArm = lane("quick", ARM);
    Plan plan =
        Placement.plan(
            new Snapshot(
                List.of(queue(slowAmd, 5), queue(slowArm, 5), queue(quickArm, 5)),
                List.of(cluster("both", null, Set.of(AMD, ARM), 11, 10, 100)),
                Map.of(
                    new Share("slow", AMD),
                    50,
                    new Share("slow", ARM),
                    4,
                    new Share("quick", ARM),
                    6),
                Map.of(),
                10));
    assertThat(plan.assignments().stream().map(Assignment::lane)).containsExactly(slowArm);
  }

  @Test
  void aLaneThatIsOverdueGoesFirstOnce() {
    Lane rich = lane("rich", AMD);
    Queue overdue = new Queue(rich, List.of(work(), work()), true, null);
    Plan plan =
        Placement.plan(
            new Snapshot(
                List.of(queue(lane("poor", AMD), 5), overdue),
                List.of(cluster("a", 12, 10)),
                Map.of(new Share("rich", AMD), 10),
                Map.of(),
                10));
    assertThat(plan.assignments().stream().map(a -> a.lane().project()))
        .containsExactly("rich", "poor");
  }

  @Test
  void workThatCannotBePlacedHoldsUpNobodyBehindIt() {
    Work ready = work();
    Plan plan =
        plan(
            List.of(queue(lane("default", "linux/s390x"), work(100)), queue(BUILDS, ready)),
            cluster("a", 1, 0));
    assertThat(plan.assignments()).containsExactly(new Assignment(ready, BUILDS, "a"));
  }

  @Test
  void noMoreIsPlacedAtOnceThanWasAskedForAndTheRestIsNotRefused() {
    Plan plan =
        Placement.plan(
            new Snapshot(
                List.of(queue(BUILDS, 9)), List.of(cluster("a", 9, 0)), Map.of(), Map.of(), 4));
    assertThat(plan.assignments()).hasSize(4);
    assertThat(plan.refusals()).isEmpty();
  }

  @Test
  void aPlatformThatNoClusterBuildsForIsSaidSo() {
    Refusal refusal = refusal(lane("default", ARM), cluster("a", 1, 0));
    assertThat(refusal.why()).isEqualTo(Wait.NO_CLUSTER_FOR_PLATFORM);
    assertThat(refusal.message()).contains(ARM).contains("register");
    assertThat(refusal.clusters()).containsEntry("a", "does not build for linux/arm64");
  }

  @Test
  void withoutAnyClusterThereIsNoneForThePlatform() {
    assertThat(refusal(BUILDS).why()).isEqualTo(Wait.NO_CLUSTER_FOR_PLATFORM);
  }

  @Test
  void aLaneWithoutHeadsIsRefusedLikeAnyOther() {
    assertThat(plan(List.of(queue(BUILDS)), cluster("a", 1, 1)).refusals())
        .extracting(Refusal::why)
        .containsExactly(Wait.NO_FREE_SLOT);
  }

  @Test
  void fullClustersAreSaidSo() {
    Refusal refusal = refusal(BUILDS, cluster("a", 2, 2), cluster("none", 0, 0));
    assertThat(refusal.why()).isEqualTo(Wait.NO_FREE_SLOT);
    assertThat(refusal.clusters())
        .containsEntry("a", "all 2 slots are taken")
        .containsEntry("none", "all 0 slots are taken");
  }

  @Test
  void whatAClosedClusterSaysIsHandedOn() {
    Refusal refusal =
        refusal(BUILDS, cluster("a", "is cordoned by ann: new disk", Set.of(AMD), 1, 0, 100));
    assertThat(refusal.why()).isEqualTo(Wait.NO_CLUSTER_AVAILABLE);
    assertThat(refusal.clusters()).isEqualTo(Map.of("a", "is cordoned by ann: new disk"));
  }

  @Test
  void aClusterThatIsOverbookedTakesNothingAndBreaksNothing() {
    assertThat(refusal(BUILDS, cluster("a", 1, 3)).why()).isEqualTo(Wait.NO_FREE_SLOT);
  }

  @Test
  void workThatAsksForAClusterWaitsForThatOne() {
    Lane far = new Lane("default", false, AMD, "far", Map.of());
    assertThat(refusal(far, cluster("near", 2, 0)).message())
        .contains("cluster far does not build");
  }

  @Test
  void workGoesOnlyWhereTheLabelsAreThatItAsksFor() {
    Lane gpu = new Lane("default", false, AMD, null, Map.of("gpu", "yes", "zone", "b"));
    Plan plan =
        plan(
            List.of(queue(gpu, work())),
            labelled("a", Map.of("gpu", "yes")),
            labelled("b", Map.of("gpu", "yes", "zone", "b", "more", "1")));
    assertThat(where(plan)).containsExactly("b");
    Refusal refusal = refusal(gpu, labelled("a", Map.of("gpu", "yes")));
    assertThat(refusal.why()).isEqualTo(Wait.NO_CLUSTER_WITH_LABELS);
    assertThat(refusal.clusters()).containsEntry("a", "has no label zone=b");
    assertThat(refusal.message()).contains("linux/amd64, gpu=yes, zone=b");
  }

  @Test
  void aClusterBeginsNoMoreAtOnceThanItMay() {
    Plan plan = plan(List.of(queue(BUILDS, 9)), paced("a", 20, 0, 3, Pace.RATE));
    assertThat(plan.assignments()).hasSize(3);
    assertThat(plan.refusals()).extracting(Refusal::why).containsExactly(Wait.PACED);
  }

  @Test
  void aClusterThatErredIsTriedWithOneBuildFirst() {
    Plan plan =
        plan(List.of(queue(BUILDS, 9)), paced("a", 20, 0, 1, Pace.TRIAL), cluster("b", 2, 0));
    assertThat(where(plan)).containsExactly("a", "b", "b");
    assertThat(plan.refusals().getFirst().clusters())
        .containsEntry("a", "erred; one build tries whether it works again");
  }

  @Test
  void theWordsOfEveryWaitHaveACodeAndARemedy() {
    for (Wait wait : Wait.values()) {
      assertThat(Wait.ofCode(wait.code())).isEqualTo(wait);
      assertThat(wait.remedy()).isNotBlank();
    }
    assertThat(Wait.ofCode("Unheard")).isNull();
  }

  @Test
  void inRandomFarmsNoSlotIsSoldTwiceNothingIsForgottenAndNoSlotStaysFreeForNoReason() {
    Random random = new Random(20_260_101);
    for (int farm = 0; farm < 2_000; farm++) {
      List<ClusterView> clusters = randomClusters(random);
      List<Queue> queues = randomQueues(random, farm);
      Map<Share, Integer> running = new HashMap<>();
      queues.forEach(
          q -> running.put(new Share(q.lane().project(), q.lane().platform()), random.nextInt(9)));
      int most = random.nextInt(4) == 0 ? random.nextInt(10) : Integer.MAX_VALUE;
      Snapshot snapshot = new Snapshot(queues, clusters, running, Map.of("p0", 300), most);
      Plan plan = Placement.plan(snapshot);
      check(snapshot, plan);
      assertThat(Placement.plan(snapshot)).as("the same again").isEqualTo(plan);
    }
  }

  @Test
  void aClusterThatIsDownChangesNothingOnTheOthers() {
    Random random = new Random(7);
    for (int farm = 0; farm < 500; farm++) {
      List<ClusterView> up = randomClusters(random);
      List<Queue> queues = randomQueues(random, farm);
      List<ClusterView> all = new ArrayList<>(up);
      all.add(
          random.nextInt(up.size() + 1),
          cluster("down", "cannot be reached", Set.of(AMD, ARM), 50, random.nextInt(50), 1000));
      Snapshot without = new Snapshot(queues, up, Map.of(), Map.of(), Integer.MAX_VALUE);
      Snapshot with = new Snapshot(queues, all, Map.of(), Map.of(), Integer.MAX_VALUE);
      assertThat(Placement.plan(with).assignments())
          .isEqualTo(Placement.plan(without).assignments());
    }
  }

  private static List<ClusterView> randomClusters(Random random) {
    List<ClusterView> clusters = new ArrayList<>();
    for (int i = random.nextInt(5); i > 0; i--) {
      clusters.add(
          new ClusterView(
              "c" + i,
              random.nextInt(5) > 0 ? null : "cannot be reached",
              random.nextBoolean() ? Set.of(AMD, ARM) : Set.of(AMD),
              random.nextBoolean() ? Map.of("zone", "a") : Map.of(),
              random.nextInt(6),
              random.nextInt(6),
              1 + random.nextInt(1000),
              random.nextInt(4) == 0 ? random.nextInt(3) : Integer.MAX_VALUE,
              random.nextBoolean() ? Pace.RATE : Pace.TRIAL));
    }
    return clusters;
  }

  private static List<Queue> randomQueues(Random random, int farm) {
    String[] platforms = {AMD, ARM, "linux/s390x"};
    Map<Lane, Queue> queues = new HashMap<>();
    for (int i = random.nextInt(8); i > 0; i--) {
      Lane lane =
          new Lane(
              "p" + random.nextInt(3),
              random.nextInt(4) == 0,
              platforms[random.nextInt(3)],
              random.nextInt(4) == 0 ? "c1" : null,
              random.nextInt(4) == 0 ? Map.of("zone", "a") : Map.of());
      List<Work> heads = new ArrayList<>();
      for (int n = random.nextInt(6); n > 0; n--) {
        heads.add(
            new Work(
                new UUID(farm, i * 100L + n),
                0,
                Instant.ofEpochSecond(100 - n),
                random.nextBoolean() ? Set.of("c1") : Set.of(),
                random.nextBoolean() ? Set.of("c2") : Set.of()));
      }
      queues.put(lane, new Queue(lane, heads, random.nextInt(10) == 0, null));
    }
    return List.copyOf(queues.values());
  }

  private static void check(Snapshot snapshot, Plan plan) {
    Map<String, Integer> begun = new HashMap<>();
    Map<Lane, List<Work>> served = new HashMap<>();
    for (Assignment a : plan.assignments()) {
      ClusterView cluster =
          snapshot.clusters().stream().filter(c -> c.name().equals(a.cluster())).findFirst().get();
      assertThat(begun.merge(cluster.name(), 1, Integer::sum))
          .isLessThanOrEqualTo(cluster.room(a.lane()));
      served.computeIfAbsent(a.lane(), l -> new ArrayList<>()).add(a.work());
    }
    assertThat(plan.assignments().size()).isLessThanOrEqualTo(snapshot.most());
    Set<Lane> refused = new HashSet<>();
    plan.refusals().forEach(r -> assertThat(refused.add(r.lane())).isTrue());
    for (Queue queue : snapshot.queues()) {
      List<Work> got = served.getOrDefault(queue.lane(), List.of());
      assertThat(got).as("in its order").isEqualTo(queue.heads().subList(0, got.size()));
      if (got.size() < queue.heads().size() && plan.assignments().size() < snapshot.most()) {
        assertThat(refused).as("what waits is told why").contains(queue.lane());
        assertThat(snapshot.clusters())
            .as("no slot stays free for no reason")
            .noneMatch(c -> c.room(queue.lane()) > begun.getOrDefault(c.name(), 0));
      }
    }
    plan.refusals().forEach(r -> assertThat(r.clusters()).hasSameSizeAs(snapshot.clusters()));
  }

  /** A farm in virtual time: every build lasts as long as its project's builds do. */
  private static final class Simulation {
    final List<String> clusters = new ArrayList<>();
    final Map<String, Integer> used = new TreeMap<>();
    final Map<Share, Integer> running = new HashMap<>();
    final Map<Lane, Double> slotSeconds = new HashMap<>();
    final Map<Lane, Integer> waits = new HashMap<>();
    final Map<String, Integer> weights;
    final int slots;
    final Random random = new Random(3);
    double now;

    private record End(double at, Lane lane, String cluster) {}

    private final PriorityQueue<End> ends =
        new PriorityQueue<>((a, b) -> Double.compare(a.at(), b.at()));

    Simulation(int count, int slots, Map<String, Integer> weights) {
      this.slots = slots;
      this.weights = weights;
      for (int i = 0; i < count; i++) {
        clusters.add("c%02d".formatted(i));
      }
    }

    private List<ClusterView> views() {
      return clusters.stream().map(c -> cluster(c, slots, used.getOrDefault(c, 0))).toList();
    }

    /** Endless queues in these lanes until this many builds have ended. */
    void run(Map<Lane, Double> seconds, int builds) {
      List<Lane> lanes =
          seconds.keySet().stream().sorted((a, b) -> text(a).compareTo(text(b))).toList();
      for (int ended = 0; ended < builds; ended++) {
        List<Queue> queues =
            lanes.stream()
                .map(
                    l ->
                        new Queue(
                            l, List.of(work(), work()), waits.getOrDefault(l, 0) > 1000, null))
                .toList();
        Plan plan;
        do {
          plan = Placement.plan(new Snapshot(queues, views(), running, weights, 1));
          for (Assignment a : plan.assignments()) {
            int now = used.merge(a.cluster(), 1, Integer::sum);
            assertThat(now).as("no slot is sold twice").isLessThanOrEqualTo(slots);
            running.merge(new Share(a.lane().project(), a.lane().platform()), 1, Integer::sum);
            double lasts = seconds.get(a.lane()) * (0.5 + random.nextDouble());
            slotSeconds.merge(a.lane(), lasts, Double::sum);
            lanes.forEach(l -> waits.merge(l, 1, Integer::sum));
            waits.put(a.lane(), 0);
            ends.add(new End(this.now + lasts, a.lane(), a.cluster()));
          }
        } while (!plan.assignments().isEmpty());
        End end = ends.remove();
        now = end.at();
        used.merge(end.cluster(), -1, Integer::sum);
        running.merge(new Share(end.lane().project(), end.lane().platform()), -1, Integer::sum);
      }
    }

    private static String text(Lane lane) {
      return lane.toString();
    }

    double share(Lane lane) {
      double all = slotSeconds.values().stream().mapToDouble(Double::doubleValue).sum();
      return slotSeconds.getOrDefault(lane, 0.0) / all;
    }
  }

  @Test
  void projectsGetSlotsByTheirWeightHoweverLongTheirBuildsTake() {
    Lane a = lane("a", AMD);
    Lane b = lane("b", AMD);
    Lane c = lane("c", AMD);
    Simulation farm = new Simulation(10, 8, Map.of("a", 100, "b", 100, "c", 200));
    farm.run(Map.of(a, 30.0, b, 600.0, c, 120.0), 20_000);
    assertThat(farm.share(a)).isCloseTo(0.25, within(0.0125));
    assertThat(farm.share(b)).isCloseTo(0.25, within(0.0125));
    assertThat(farm.share(c)).isCloseTo(0.5, within(0.025));
  }

  @Test
  void noLaneStarvesNotEvenOneThatMayGoToOneClusterOnlyAndWhoseProjectHasMuch() {
    Lane much = lane("rich", AMD);
    Lane pinned = new Lane("rich", false, AMD, "c00", Map.of());
    Lane rival = new Lane("poor", false, AMD, "c00", Map.of());
    Simulation farm = new Simulation(10, 2, Map.of());
    farm.run(Map.of(much, 60.0, pinned, 60.0, rival, 60.0), 20_000);
    assertThat(farm.slotSeconds.keySet()).containsExactlyInAnyOrder(much, pinned, rival);
    assertThat(farm.waits.values()).as("placements since each was served").allMatch(n -> n < 1200);
  }
}
