package dev.grange.events;

import java.util.Locale;

/**
 * An image in a registry, by digest.
 *
 * @param registry host and port, as in a pullspec
 * @param repository within the registry
 * @param digest of the manifest or index, {@code sha256:…}
 */
public record ImageReference(String registry, String repository, String digest) {

  /** {@code registry/repository@digest}. */
  public String pullspec() {
    return registry + "/" + repository + "@" + digest;
  }

  /**
   * The package URL of this image, of purl's type {@code oci}. Its name is the image's and not the
   * repository's last part, so that candidate and stable image, whose repositories differ, have the
   * same name and version and differ in {@code repository_url} only.
   *
   * @param image the name it was submitted under; what stands before the last slash is left out,
   *     because the type has no namespace, and the rest is lower case, because the type demands it
   */
  public String purl(String image) {
    String name = image.substring(image.lastIndexOf('/') + 1).toLowerCase(Locale.ROOT);
    return "pkg:oci/"
        + PercentEncoding.segment(name)
        + "@"
        + PercentEncoding.segment(digest)
        + "?repository_url="
        + PercentEncoding.path(registry + "/" + repository);
  }
}
