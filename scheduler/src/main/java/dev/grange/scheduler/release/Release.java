package dev.grange.scheduler.release;

import dev.grange.events.ReleaseFacts;
import dev.grange.scheduler.build.BuildRow;
import dev.grange.store.Db;
import java.sql.SQLException;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** A release as its row says, read with its build's row locked. */
record Release(ReleaseFacts facts, String state, @Nullable String decision) {

  UUID id() {
    return facts.id();
  }

  static Optional<Release> of(Db.Tx tx, BuildRow build) throws SQLException {
    return tx.first(
        "SELECT id, digest, policy, policy_version, state, decision FROM release WHERE build_id ="
            + " ?",
        row ->
            new Release(
                new ReleaseFacts(
                    Db.uuid(row, "id"),
                    build.id(),
                    build.facts().project(),
                    build.facts().image(),
                    row.getString("digest"),
                    row.getString("policy"),
                    row.getObject("policy_version", Integer.class)),
                row.getString("state"),
                row.getString("decision")),
        build.id());
  }
}
