package dev.grange.store.api;

import io.quarkus.hibernate.orm.panache.PanacheRepositoryBase;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.transaction.Transactional;
import java.util.Optional;
import java.util.UUID;

/** Finds and keeps requests. */
@ApplicationScoped
public class Requests implements PanacheRepositoryBase<CommandRequest, UUID> {

  @Transactional
  public Optional<CommandRequest> find(UUID id) {
    return findByIdOptional(id);
  }

  /**
   * Asks for a build's end, once: while a request is open, asking again finds it. Two that ask at
   * the same moment leave two rows, which the scheduler answers both.
   */
  @Transactional
  public UUID cancel(UUID id, UUID build, String project, String principal) {
    Optional<CommandRequest> open =
        find("buildId = ?1 and command = 'cancel' and answer is null", build).firstResultOptional();
    if (open.isPresent()) {
      return open.get().id;
    }
    CommandRequest request = new CommandRequest();
    request.id = id;
    request.principal = principal;
    request.project = project;
    request.command = "cancel";
    request.buildId = build;
    request.target = build.toString();
    persist(request);
    return id;
  }
}
