package dev.grange.store.api;

import jakarta.persistence.Column;
import jakarta.persistence.Entity;
import jakarta.persistence.Id;
import jakarta.persistence.IdClass;
import java.io.Serializable;

/** An uploaded context. */
@Entity(name = "context")
@IdClass(Context.Key.class)
public class Context {

  /** A context belongs to one project: knowing a digest is no right to another project's files. */
  public record Key(String project, String digest) implements Serializable {}

  @Id public String project;

  /** Of the bytes that were sent. */
  @Id public String digest;

  /** The manifest in the candidate registry, repository {@code contexts/<project>}. */
  public String artifact;

  /** Its one layer: the normalised archive. */
  public String blob;

  /** Of the normalised archive. */
  @Column(name = "size_bytes")
  public long sizeBytes;

  public int entries;
  public String principal;
}
