package dev.grange.domain.release;

import java.util.List;

/**
 * What a candidate needs to become stable, and where it goes then.
 *
 * @param name and {@code version}: what a decision names
 */
public record Policy(String name, int version, List<TestCase> testCases, List<Target> targets) {

  /**
   * A test of the candidate.
   *
   * @param command runs in a worker; see {@link Template} for the placeholders
   * @param required whether it blocks
   */
  public record TestCase(String name, List<String> command, int timeoutSeconds, boolean required) {}

  /**
   * Where the image goes.
   *
   * @param registry a registry's name, or {@code *} for every stable registry
   * @param repository a {@link Template}
   * @param unique tags that no other build gets, as {@link Template}s
   * @param requested whether the tags that the submitter asked for are set as well
   */
  public record Target(
      String registry, String repository, List<String> unique, boolean requested) {}
}
