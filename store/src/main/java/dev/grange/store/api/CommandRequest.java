package dev.grange.store.api;

import jakarta.persistence.Column;
import jakarta.persistence.Entity;
import jakarta.persistence.Id;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** A command that the scheduler answers; the row stays as the audit trail. */
@Entity(name = "request")
public class CommandRequest {
  @Id public UUID id;
  public String principal;
  public @Nullable String project;
  public String command;

  @Column(name = "build_id")
  public @Nullable UUID buildId;

  public String target;

  // The columns below are the database's and the scheduler's: this role may not write them.

  @Column(name = "created_at", insertable = false, updatable = false)
  public @Nullable Instant createdAt;

  @Column(insertable = false, updatable = false)
  public @Nullable String answer;

  @Column(name = "answer_text", insertable = false, updatable = false)
  public @Nullable String answerText;
}
