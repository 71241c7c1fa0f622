package dev.grange.scheduler.attempt;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.grange.domain.worker.BuildInputs;
import dev.grange.domain.worker.Job;
import dev.grange.domain.worker.JobRendering;
import dev.grange.domain.worker.JobRendering.CandidateRegistry;
import dev.grange.registry.Registry;
import dev.grange.scheduler.Registries;
import dev.grange.scheduler.token.RegistryTokens;
import dev.grange.store.Db;
import jakarta.enterprise.context.ApplicationScoped;
import java.io.IOException;
import java.sql.SQLException;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;

/** Reads what an attempt needs to know and has its job rendered. */
@ApplicationScoped
class Jobs {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Db db;
  private final Registries registries;
  private final RegistryTokens tokens;

  Jobs(Db db, Registries registries, RegistryTokens tokens) {
    this.db = db;
    this.registries = registries;
    this.tokens = tokens;
  }

  Job of(Attempt attempt) throws SQLException {
    UUID execution = attempt.executionId();
    UUID testRun = attempt.testRunId();
    Registry candidate = registries.candidate();
    CandidateRegistry registry =
        new CandidateRegistry(
            candidate.host(),
            candidate.isPlainHttp(),
            tokens.credential(attempt.id(), candidate.url()).orElse(null));
    if (execution != null) {
      return JobRendering.build(
          attempt.id().toString(),
          registry,
          String.valueOf(attempt.repository()),
          inputs(execution));
    }
    if (testRun != null) {
      return test(attempt, testRun, registry);
    }
    throw new IllegalStateException("attempt " + attempt.id() + " is of no kind");
  }

  private BuildInputs inputs(UUID execution) throws SQLException {
    return db.call(
            tx ->
                tx.first(
                    """
                    SELECT e.platform, b.project, b.containerfile, b.args, b.labels, b.target, b.timeout_seconds, c.artifact, c.blob
                    FROM execution e JOIN build b ON b.id = e.build_id
                    LEFT JOIN context c ON c.project = b.project AND c.digest = b.context
                    WHERE e.id = ?
                    """,
                    row ->
                        new BuildInputs(
                            row.getString("project"),
                            row.getString("platform"),
                            row.getString("containerfile"),
                            map(row.getString("args")),
                            map(row.getString("labels")),
                            row.getString("target"),
                            row.getInt("timeout_seconds"),
                            row.getString("artifact"),
                            row.getString("blob")),
                    execution))
        .orElseThrow(() -> new IllegalStateException("no execution " + execution));
  }

  private Job test(Attempt attempt, UUID testRun, CandidateRegistry registry) throws SQLException {
    return db.call(
            tx ->
                tx.first(
                    "SELECT command, timeout_seconds FROM test_run WHERE id = ?",
                    row ->
                        JobRendering.test(
                            attempt.id().toString(),
                            registry,
                            texts(row.getString("command")),
                            row.getInt("timeout_seconds")),
                    testRun))
        .orElseThrow(() -> new IllegalStateException("no test run " + testRun));
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
