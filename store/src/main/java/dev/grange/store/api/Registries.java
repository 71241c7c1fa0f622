package dev.grange.store.api;

import io.quarkus.hibernate.orm.panache.PanacheRepositoryBase;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.transaction.Transactional;
import java.util.Optional;

/** Finds registries. */
@ApplicationScoped
public class Registries implements PanacheRepositoryBase<RegistryRow, String> {

  /** Where candidates and contexts go; empty on a farm that nobody has set up yet. */
  @Transactional
  public Optional<String> candidateUrl() {
    return find("role", "candidate").<RegistryRow>firstResultOptional().map(row -> row.url);
  }
}
