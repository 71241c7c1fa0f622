package dev.grange.registry;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Collectors;

/**
 * Small images, with a white space of their own so that bytes that were written anew are noticed.
 */
final class Images {
  private Images() {}

  /** Pushes an image of one layer. */
  static Manifest push(Registry registry, String repository, long seed) throws RegistryException {
    byte[] layer = new byte[10_000];
    new Random(seed).nextBytes(layer);
    byte[] config =
        "{\"architecture\":\"amd64\",\"os\":\"linux\",\"seed\":%d,\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]}}"
            .formatted(seed, Digests.of(layer))
            .getBytes(StandardCharsets.UTF_8);
    registry.pushBlob(repository, Digests.of(layer), layer);
    registry.pushBlob(repository, Digests.of(config), config);
    Manifest manifest =
        manifest(
            Manifest.OCI_MANIFEST,
            """
            { "schemaVersion":2,  "mediaType":"%s",
              "config": {"mediaType":"application/vnd.oci.image.config.v1+json","size":%d,"digest":"%s"},
              "layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","size":%d,"digest":"%s"}]
            }
            """
                .formatted(
                    Manifest.OCI_MANIFEST,
                    config.length,
                    Digests.of(config),
                    layer.length,
                    Digests.of(layer)));
    registry.putManifest(repository, manifest.digest(), manifest);
    return manifest;
  }

  static Manifest index(Manifest... children) {
    String list =
        Arrays.stream(children)
            .map(
                child ->
                    "{\"mediaType\":\"%s\", \"size\":%d, \"digest\":\"%s\"}"
                        .formatted(child.mediaType(), child.bytes().length, child.digest()))
            .collect(Collectors.joining(",\n "));
    return manifest(
        Manifest.OCI_INDEX,
        "{\"schemaVersion\":2, \"mediaType\":\"%s\",\n \"manifests\":[%s]}"
            .formatted(Manifest.OCI_INDEX, list));
  }

  static Manifest manifest(String mediaType, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return new Manifest(Digests.of(bytes), mediaType, bytes);
  }
}
