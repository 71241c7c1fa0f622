package dev.grange.store.api;

import jakarta.persistence.Column;
import jakarta.persistence.Entity;
import jakarta.persistence.Id;
import java.time.Instant;
import java.util.UUID;
import org.hibernate.annotations.Immutable;
import org.jspecify.annotations.Nullable;

/** A bearer token, known by the SHA-256 of its text. */
@Entity(name = "token")
@Immutable
public class Token {
  @Id public UUID id;
  public byte[] hash;
  public String principal;

  /** Null for a token of the whole farm. */
  public @Nullable String project;

  public String[] roles;

  @Column(name = "expires_at")
  public @Nullable Instant expiresAt;

  @Column(name = "revoked_at")
  public @Nullable Instant revokedAt;
}
