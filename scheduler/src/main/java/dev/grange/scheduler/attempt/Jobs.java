package dev.grange.scheduler.attempt;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.grange.domain.worker.BuildInputs;
import dev.grange.domain.worker.Job;
import dev.grange.domain.worker.JobRendering;
import dev.grange.domain.worker.JobRendering.CandidateRegistry;
import dev.grange.registry.Registry;
import dev.grange.scheduler.FarmConfig;
import dev.grange.scheduler.Registries;
import dev.grange.scheduler.cluster.PodRequest;
import dev.grange.scheduler.token.RegistryTokens;
import dev.grange.store.Db;
import jakarta.enterprise.context.ApplicationScoped;
import java.io.IOException;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/** Reads what an attempt needs to know and has its job rendered. */
@ApplicationScoped
class Jobs {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Db db;
  private final Registries registries;
  private final RegistryTokens tokens;
  private final AvoidedNodes nodes;
  private final String farm;

  Jobs(Db db, Registries registries, RegistryTokens tokens, AvoidedNodes nodes, FarmConfig farm) {
    this.db = db;
    this.registries = registries;
    this.tokens = tokens;
    this.nodes = nodes;
    this.farm = farm.name();
  }

  /** The pod that an attempt is to have. */
  PodRequest of(Attempt attempt) throws SQLException {
    Registry candidate = registries.candidate();
    CandidateRegistry registry =
        new CandidateRegistry(
            candidate.host(),
            candidate.isPlainHttp(),
            tokens.credential(attempt.id(), candidate.url()).orElse(null));
    Set<String> avoid = nodes.avoided(attempt.cluster());
    return attempt.build() ? build(attempt, registry, avoid) : test(attempt, registry, avoid);
  }

  private PodRequest build(Attempt attempt, CandidateRegistry registry, Set<String> avoid)
      throws SQLException {
    return db.first(
            """
            SELECT b.id AS build_id, e.platform, b.project, b.containerfile, b.args, b.labels, b.target, b.timeout_seconds,
              c.artifact, c.blob, extract(epoch FROM a.deadline - a.assigned_at)::int AS run_seconds
            FROM attempt a JOIN execution e ON e.id = a.execution_id JOIN build b ON b.id = e.build_id
            LEFT JOIN context c ON c.project = b.project AND c.digest = b.context
            WHERE a.id = ?
            """,
            row ->
                request(
                    attempt,
                    row,
                    JobRendering.build(
                        attempt.id().toString(),
                        registry,
                        String.valueOf(attempt.repository()),
                        inputs(row)),
                    avoid),
            attempt.id())
        .orElseThrow(() -> new IllegalStateException("no execution of attempt " + attempt.id()));
  }

  private static BuildInputs inputs(ResultSet row) throws SQLException {
    return new BuildInputs(
        row.getString("project"),
        row.getString("platform"),
        row.getString("containerfile"),
        map(row.getString("args")),
        map(row.getString("labels")),
        row.getString("target"),
        row.getInt("timeout_seconds"),
        row.getString("artifact"),
        row.getString("blob"));
  }

  private PodRequest test(Attempt attempt, CandidateRegistry registry, Set<String> avoid)
      throws SQLException {
    return db.first(
            """
            SELECT r.build_id, b.project, t.command, t.timeout_seconds,
              extract(epoch FROM a.deadline - a.assigned_at)::int AS run_seconds
            FROM attempt a JOIN test_run t ON t.id = a.test_run_id JOIN release r ON r.id = t.release_id
            JOIN build b ON b.id = r.build_id
            WHERE a.id = ?
            """,
            row ->
                request(
                    attempt,
                    row,
                    JobRendering.test(
                        attempt.id().toString(),
                        registry,
                        texts(row.getString("command")),
                        row.getInt("timeout_seconds")),
                    avoid),
            attempt.id())
        .orElseThrow(() -> new IllegalStateException("no test run of attempt " + attempt.id()));
  }

  private PodRequest request(Attempt attempt, ResultSet row, Job job, Set<String> avoid)
      throws SQLException {
    return new PodRequest(
        attempt.podName(),
        job,
        Map.of(
            PodRequest.FARM, farm,
            PodRequest.BUILD, row.getString("build_id"),
            PodRequest.ATTEMPT, attempt.id().toString(),
            PodRequest.PROJECT, row.getString("project"),
            PodRequest.KIND, job.kind()),
        avoid,
        row.getInt("run_seconds"));
  }

  /** Sorted, so that the same submission gives the same command line. */
  private static SortedMap<String, String> map(String json) throws SQLException {
    try {
      return JSON.readValue(json, new TypeReference<TreeMap<String, String>>() {});
    } catch (IOException e) {
      throw new SQLException("arguments or labels are not an object of texts", e);
    }
  }

  private static List<String> texts(String json) throws SQLException {
    try {
      return JSON.readValue(json, new TypeReference<>() {});
    } catch (IOException e) {
      throw new SQLException("a test's command is not a list of texts", e);
    }
  }
}
