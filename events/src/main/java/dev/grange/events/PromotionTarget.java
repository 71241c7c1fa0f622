package dev.grange.events;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.UUID;

/**
 * One place that a promotion brings an image to.
 *
 * @param id of the promotion's target
 * @param registryName the name that the farm knows the registry by
 * @param image where it is now
 * @param tags that point to it there
 */
public record PromotionTarget(
    UUID id, String registryName, ImageReference image, List<String> tags) {

  public PromotionTarget {
    tags = List.copyOf(tags);
  }

  /** What promotion did at a target. */
  public enum Outcome {
    /** The digest was not there before. */
    PUBLISHED("published"),
    /** The digest was there already: at most tags were moved, and nothing new is announced. */
    UNCHANGED("unchanged");

    private final String word;

    Outcome(String word) {
      this.word = word;
    }

    /** As it is written in an event. */
    public String word() {
      return word;
    }
  }

  /**
   * A target and what promotion did there.
   *
   * @param target the place
   * @param outcome what was done
   */
  public record Result(PromotionTarget target, Outcome outcome) {}

  void writeTo(ObjectNode node) {
    node.put("registry", registryName)
        .put("registry_host", image.registry())
        .put("repository", image.repository())
        .put("digest", image.digest())
        .put("pullspec", image.pullspec());
    CdEvent.strings(node, "tags", tags);
    ArrayNode pullspecs = node.putArray("tag_pullspecs");
    for (String tag : tags) {
      pullspecs.add(image.registry() + "/" + image.repository() + ":" + tag);
    }
  }
}
