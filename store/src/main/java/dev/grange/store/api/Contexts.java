package dev.grange.store.api;

import dev.grange.store.Db;
import io.quarkus.hibernate.orm.panache.PanacheRepositoryBase;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.transaction.Transactional;
import java.sql.SQLException;
import java.util.Optional;

/** Finds and keeps contexts. */
@ApplicationScoped
public class Contexts implements PanacheRepositoryBase<Context, Context.Key> {

  private final Db db;

  public Contexts(Db db) {
    this.db = db;
  }

  @Transactional
  public Optional<Context> find(String project, String digest) {
    return findByIdOptional(new Context.Key(project, digest));
  }

  /**
   * Keeps a context whose artifact is in the registry. Written out because Hibernate knows no ON
   * CONFLICT: two uploads of the same bytes may end at once, and both are right.
   */
  public void keep(Context context) throws SQLException {
    db.run(
        tx ->
            tx.update(
                """
                INSERT INTO context (project, digest, artifact, blob, size_bytes, entries, principal)
                VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (project, digest) DO NOTHING
                """,
                context.project,
                context.digest,
                context.artifact,
                context.blob,
                context.sizeBytes,
                context.entries,
                context.principal));
  }
}
