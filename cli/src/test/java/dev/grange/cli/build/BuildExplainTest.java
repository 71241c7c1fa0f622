package dev.grange.cli.build;

import static dev.grange.cli.FakeFarm.ID;
import static org.assertj.core.api.Assertions.assertThat;

import dev.grange.cli.FakeFarm;
import dev.grange.cli.Shell;
import java.nio.file.Path;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The whole text of every kind of answer: it is what people read when a build does not begin. */
class BuildExplainTest {
  @TempDir Path directory;
  private final FakeFarm farm = new FakeFarm();
  private Shell shell;

  @BeforeEach
  void start() {
    shell = new Shell(directory).at(farm);
  }

  @AfterEach
  void stop() {
    farm.close();
  }

  private String explained(String answer) {
    farm.instead(200, "", answer);
    return shell.run("builds", "explain", ID).out();
  }

  private static String waiting(String platform, String more) {
    return """
    {"platform":"%s","state":"QUEUED","cluster":null,"node":null,"reason":"NoFreeSlot",
     "message":"every slot that builds for %s is taken",
     "clusters":{"east":"all 20 slots are taken","south":"cannot be reached since 2026-01-01T00:00:00Z",
       "west":"is cordoned by ann: new disk"},
     "waiting":{"seconds":130.4,"deadline":"2026-01-02T00:00:00Z","priority":0,"pinned_to":null,"cluster_selector":{},
       "project":"default","weight":100,"ahead":11,"waiting":340,"project_slots":20,"all_slots":60,
       "decided_at":"2026-01-01T00:00:05Z","taken_last":[],"avoided_nodes":[],
       "remedy":"builds that end, more slots, or a higher priority in its project"%s}}
    """
        .formatted(platform, platform, more);
  }

  @Test
  void a_build_that_waits_for_a_slot() {
    assertThat(
            explained(
                """
                {"state":"QUEUED","reason":"NoFreeSlot","message":"every slot that builds for linux/amd64 is taken",
                 "clusters":{},"platforms":[%s]}
                """
                    .formatted(waiting("linux/amd64", ""))))
        .isEqualTo(
            """
            QUEUED: NoFreeSlot. every slot that builds for linux/amd64 is taken

            linux/amd64  NoFreeSlot: every slot that builds for linux/amd64 is taken
              waits      for 2 min 10 s; ends as too late at 2026-01-02T00:00:00Z
              place      12 of 340 of project default for these clusters (priority 0)
              share      the project has 20 of 60 slots in use for linux/amd64 (weight 100)
              clusters   as of 2026-01-01T00:00:05Z
                east: all 20 slots are taken
                south: cannot be reached since 2026-01-01T00:00:00Z
                west: is cordoned by ann: new disk
              would help builds that end, more slots, or a higher priority in its project
            """);
  }

  @Test
  void one_that_is_tried_again_and_asks_for_much() {
    assertThat(
            explained(
                """
                {"state":"RUNNING","reason":"Backoff","message":"m","clusters":{},"platforms":[
                  {"platform":"linux/arm64","state":"SUCCEEDED","cluster":"east","node":"n","reason":null,"message":null,
                   "clusters":{},"waiting":null},
                  {"platform":"linux/amd64","state":"QUEUED","cluster":"east","node":"node-7","reason":"Backoff",
                   "message":"the last try, on east, ended as PushFailed; the next is not before 2026-01-01T00:01:00Z",
                   "clusters":{},
                   "waiting":{"seconds":4,"deadline":"2026-01-02T00:00:00Z","priority":5,"pinned_to":"east",
                     "cluster_selector":{"zone":"b"},"project":"default","weight":200,"ahead":0,"waiting":1,
                     "project_slots":0,"all_slots":3,"decided_at":null,"taken_last":["east"],
                     "avoided_nodes":[{"cluster":"east","node":"node-7","failures":3,"reason":"PushFailed",
                       "until":"2026-01-01T00:20:00Z"}],
                     "remedy":"time: it is tried again by itself"}}]}
                """))
        .isEqualTo(
            """
            RUNNING: Backoff. m

            linux/amd64  Backoff: the last try, on east, ended as PushFailed; the next is not before 2026-01-01T00:01:00Z
              waits      for 4.0 s; ends as too late at 2026-01-02T00:00:00Z
              place      1 of 1 of project default for these clusters (priority 5)
              share      the project has 0 of 3 slots in use for linux/amd64 (weight 200)
              asks for   cluster east, zone=b
              last       east: it failed there lately
              avoided    node node-7 of east until 2026-01-01T00:20:00Z: its last 3 attempts failed (PushFailed)
              would help time: it is tried again by itself
            """);
  }

  @Test
  void fifty_clusters_fit_on_a_screen() {
    String clusters =
        IntStream.range(0, 50)
            .mapToObj(
                i ->
                    "\"c%02d\":\"%s\""
                        .formatted(i, i == 9 ? "is cordoned" : "all 20 slots are taken"))
            .collect(Collectors.joining(","));
    assertThat(
            explained(
                "{\"state\":\"QUEUED\",\"reason\":\"NoFreeSlot\",\"message\":\"m\",\"platforms\":[],\"clusters\":{%s}}"
                    .formatted(clusters)))
        .isEqualTo(
            """
            QUEUED: NoFreeSlot. m
              c00, c01, c02, c03 and 45 more: all 20 slots are taken
              c09: is cordoned
            """);
  }

  @Test
  void one_that_runs() {
    assertThat(
            explained(
                """
                {"state":"RUNNING","reason":"Running","message":"linux/amd64 is being built on east, node n.","clusters":{},
                 "platforms":[{"platform":"linux/amd64","state":"RUNNING","cluster":"east","node":"n","reason":"Running",
                   "message":"linux/amd64 is being built on east, node n","clusters":{},"waiting":null}]}
                """))
        .isEqualTo("RUNNING: Running. linux/amd64 is being built on east, node n.\n");
  }
}
