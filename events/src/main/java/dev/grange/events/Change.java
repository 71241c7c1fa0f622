package dev.grange.events;

/**
 * What an artifact was made from, in CDEvents' words a change.
 *
 * @param id a commit, or the input digest where there is no repository
 * @param source where that id has a meaning, a URI reference
 */
public record Change(String id, String source) {

  /** A Containerfile sent with the submission: the digest of all inputs, known to this farm. */
  public static Change ofInputs(String farm, String inputDigest) {
    return new Change(inputDigest, CdEvent.source(farm));
  }
}
