package dev.grange.registry;

import dev.grange.registry.Manifest.Descriptor;
import dev.grange.registry.RegistryException.Kind;
import java.util.Optional;

/**
 * Copies an image or an index by digest, whole and byte for byte: children first, because a
 * registry refuses an index whose manifests it does not have. Within one registry blobs are mounted
 * and no bytes move; between two they are streamed, unless the target is known to have them
 * elsewhere.
 */
public final class ImageCopy {
  /** An index of indexes is legal and of no use; deeper nesting is an attack. */
  private static final int MAX_DEPTH = 3;

  private ImageCopy() {}

  /**
   * Makes {@code digest} available in the target repository and reads it back.
   *
   * @return false when the target had it before
   */
  public static boolean copy(
      Registry source, String from, Registry target, String to, String digest)
      throws RegistryException {
    if (target.resolve(to, digest).isPresent()) {
      return false;
    }
    Manifest _ = bring(source, from, target, to, digest);
    return true;
  }

  /**
   * The same for whoever has just looked: does not ask first whether the target has it.
   *
   * @return the manifest, which the target has now
   */
  public static Manifest bring(
      Registry source, String from, Registry target, String to, String digest)
      throws RegistryException {
    Manifest manifest = copy(source, from, target, to, digest, MAX_DEPTH);
    if (target.resolve(to, digest).isEmpty()) {
      throw new RegistryException(
          Kind.BROKEN, "registry " + target.host() + " took " + digest + " and does not have it");
    }
    return manifest;
  }

  private static Manifest copy(
      Registry source, String from, Registry target, String to, String digest, int depth)
      throws RegistryException {
    if (depth == 0) {
      throw new RegistryException(Kind.REFUSED, digest + " is nested too deep");
    }
    Manifest manifest =
        source
            .manifest(from, digest)
            .orElseThrow(
                () ->
                    new RegistryException(
                        Kind.NOT_FOUND, source.host() + "/" + from + " has no " + digest));
    for (Descriptor child : manifest.children()) {
      Manifest _ = copy(source, from, target, to, child.digest(), depth - 1);
    }
    for (Descriptor blob : manifest.blobs()) {
      copyBlob(source, from, target, to, blob);
    }
    target.putManifest(to, digest, manifest);
    return manifest;
  }

  private static void copyBlob(
      Registry source, String from, Registry target, String to, Descriptor blob)
      throws RegistryException {
    // images of one base share its layers: they are sent to a registry once
    Optional<String> near =
        source.isSameAs(target) ? Optional.of(from) : target.lastSeen(blob.digest());
    if (near.isPresent()
        && !near.get().equals(to)
        && target.mountBlob(to, blob.digest(), near.get())) {
      return;
    }
    if (!target.hasBlob(to, blob.digest())) {
      target.streamBlob(to, blob, source, from);
    }
  }
}
