package dev.grange.store.api;

import jakarta.persistence.Entity;
import jakarta.persistence.Id;
import org.hibernate.annotations.Immutable;

/** Who builds, releases and quotas belong to. */
@Entity(name = "project")
@Immutable
public class Project {
  @Id public String name;
  public String description;
}
