package dev.grange.store.api;

import io.quarkus.hibernate.orm.panache.PanacheRepositoryBase;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.transaction.Transactional;
import java.util.Optional;
import java.util.UUID;

/** Finds tokens. The text of a token is never stored, so it cannot be listed either. */
@ApplicationScoped
public class Tokens implements PanacheRepositoryBase<Token, UUID> {

  /** The token with that hash while it may be used, by the database's clock. */
  @Transactional
  public Optional<Token> usable(byte[] sha256) {
    return find(
            "hash = ?1 and revokedAt is null and (expiresAt is null or expiresAt > instant)",
            (Object) sha256)
        .firstResultOptional();
  }
}
