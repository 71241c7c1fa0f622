package dev.grange.scheduler.release;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.grange.domain.release.Policy;
import dev.grange.store.Db;
import java.io.IOException;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Policies as the database keeps them. */
final class Policies {
  private static final ObjectMapper JSON = new ObjectMapper();

  private Policies() {}

  /**
   * The newest version of the policy that a new release falls under: as yet the farm's one, {@code
   * default}.
   */
  static Optional<Policy> newest(Db.Tx tx) throws SQLException {
    return tx.first(
        "SELECT name, version, body FROM policy WHERE name = 'default' ORDER BY version DESC LIMIT"
            + " 1",
        Policies::read);
  }

  /** The version that a release was opened under: a later edit does not change what it needs. */
  static Optional<Policy> version(Db.Tx tx, String name, int version) throws SQLException {
    return tx.first(
        "SELECT name, version, body FROM policy WHERE name = ? AND version = ?",
        Policies::read,
        name,
        version);
  }

  private static Policy read(ResultSet row) throws SQLException {
    JsonNode body;
    try {
      body = JSON.readTree(row.getString("body"));
    } catch (IOException e) {
      throw new SQLException("policy " + row.getString("name") + " is not JSON", e);
    }
    List<Policy.TestCase> tests = new ArrayList<>();
    for (JsonNode test : body.path("test_cases")) {
      tests.add(
          new Policy.TestCase(
              test.path("name").asText(),
              texts(test.path("command")),
              test.path("timeout_seconds").asInt(300),
              test.path("required").asBoolean(true)));
    }
    List<Policy.Target> targets = new ArrayList<>();
    for (JsonNode target : body.path("targets")) {
      targets.add(
          new Policy.Target(
              target.path("registry").asText("*"),
              target.path("repository").asText("{project}/{image}"),
              texts(target.path("tags").path("unique")),
              target.path("tags").path("requested").asBoolean(true)));
    }
    return new Policy(row.getString("name"), row.getInt("version"), tests, targets);
  }

  private static List<String> texts(JsonNode array) {
    List<String> texts = new ArrayList<>();
    array.forEach(node -> texts.add(node.asText()));
    return texts;
  }

  static String json(List<String> texts) {
    return JSON.valueToTree(texts).toString();
  }
}
