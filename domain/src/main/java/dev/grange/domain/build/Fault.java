package dev.grange.domain.build;

/** Who has to act on a failure. */
public enum Fault {
  /**
   * The submitter: the recipe, the context or the limits it outgrew. Trying again changes nothing.
   */
  USER,
  /** Somebody who looks after a setting: a secret, a registry, a cluster that no one registered. */
  CONFIG,
  /** The farm. Safe to try again, and tried again by itself. */
  INFRA
}
