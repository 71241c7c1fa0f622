package dev.grange.store.api;

import jakarta.persistence.Entity;
import jakarta.persistence.Id;
import org.hibernate.annotations.Immutable;

/** A registry that the farm knows. */
@Entity(name = "registry")
@Immutable
public class RegistryRow {
  @Id public String name;

  /** Scheme, host and port. */
  public String url;

  /** {@code candidate} or {@code stable}. */
  public String role;
}
