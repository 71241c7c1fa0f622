package dev.grange.domain.release;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Where a release goes: a policy's targets with everything filled in. A target that cannot be
 * reached however often it is tried (a registry that nobody registered, a name that no registry
 * takes) is a problem, and a release with a problem is not begun.
 *
 * @param places in the policy's order, none twice
 * @param problems for people; empty when the release can go
 */
public record TargetPlan(List<Place> places, List<String> problems) {
  /** As the OCI distribution-spec has them ("Pulling manifests"). */
  private static final Pattern REPOSITORY =
      Pattern.compile("[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*");

  private static final Pattern TAG = Pattern.compile("[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}");

  /**
   * One repository of one registry.
   *
   * @param tags unique ones first
   */
  public record Place(String registry, String repository, List<String> tags) {}

  /**
   * Fills in a policy's targets.
   *
   * @param values of the placeholders, see {@link Template}
   * @param requestedTags that the submitter asked for
   * @param stable the names of the registries that take stable images
   */
  public static TargetPlan of(
      Policy policy, Map<String, String> values, List<String> requestedTags, List<String> stable) {
    List<Place> places = new ArrayList<>();
    List<String> problems = new ArrayList<>();
    for (Policy.Target target : policy.targets()) {
      String repository = Template.fill(target.repository(), values);
      Set<String> tags = new LinkedHashSet<>();
      target.unique().forEach(tag -> tags.add(Template.fill(tag, values)));
      if (target.requested()) {
        tags.addAll(requestedTags);
      }
      if (!REPOSITORY.matcher(repository).matches()) {
        problems.add("no registry takes a repository called " + repository);
      }
      tags.stream()
          .filter(tag -> !TAG.matcher(tag).matches())
          .forEach(tag -> problems.add("no registry takes a tag called " + tag));
      for (String registry : target.registry().equals("*") ? stable : List.of(target.registry())) {
        if (!stable.contains(registry)) {
          problems.add("no stable registry is called " + registry);
        }
        places.add(new Place(registry, repository, List.copyOf(tags)));
      }
    }
    if (places.isEmpty()) {
      problems.add("policy " + policy.name() + " names no target that there is");
    }
    return new TargetPlan(places.stream().distinct().toList(), problems);
  }
}
