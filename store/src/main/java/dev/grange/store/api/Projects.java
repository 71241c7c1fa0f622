package dev.grange.store.api;

import io.quarkus.hibernate.orm.panache.PanacheRepositoryBase;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.transaction.Transactional;

/** Finds projects. */
@ApplicationScoped
public class Projects implements PanacheRepositoryBase<Project, String> {

  @Transactional
  public boolean exists(String name) {
    return count("name", name) > 0;
  }
}
