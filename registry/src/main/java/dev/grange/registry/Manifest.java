package dev.grange.registry;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * A manifest as the registry gave it: the bytes are what the digest names and are never written
 * anew.
 *
 * <p>Media types: OCI image-spec v1.1 (manifest.md, image-index.md) and Docker's image manifest v2,
 * schema 2.
 */
public final class Manifest {
  public static final String OCI_INDEX = "application/vnd.oci.image.index.v1+json";
  public static final String OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
  public static final String DOCKER_LIST =
      "application/vnd.docker.distribution.manifest.list.v2+json";
  public static final String DOCKER_MANIFEST =
      "application/vnd.docker.distribution.manifest.v2+json";

  /** A descriptor that claims more is a lie: sizes are added up and allocated for. */
  private static final long MAX_BLOB_BYTES = 1L << 40;

  private static final ObjectMapper JSON = new ObjectMapper();

  private final String digest;
  private final String mediaType;
  private final byte[] bytes;

  /**
   * A manifest from its parts.
   *
   * @param digest {@code sha256:…} of {@code bytes}
   * @param mediaType as the registry's {@code Content-Type} says
   * @param bytes the manifest, at most {@link Registry#MAX_MANIFEST_BYTES}
   */
  public Manifest(String digest, String mediaType, byte[] bytes) {
    this.digest = digest;
    this.mediaType = mediaType;
    this.bytes = bytes.clone();
  }

  /**
   * Something that a manifest points to.
   *
   * @param size in bytes, as the manifest says
   */
  public record Descriptor(String mediaType, String digest, long size) {}

  public String digest() {
    return digest;
  }

  public String mediaType() {
    return mediaType;
  }

  public byte[] bytes() {
    return bytes.clone();
  }

  public boolean isIndex() {
    return mediaType.equals(OCI_INDEX) || mediaType.equals(DOCKER_LIST);
  }

  /** The manifests that an index lists; empty for an image. */
  public List<Descriptor> children() throws RegistryException {
    return isIndex() ? descriptors(tree().path("manifests")) : List.of();
  }

  /**
   * Configuration and layers of an image; empty for an index. A layer that is named twice is listed
   * once.
   */
  public List<Descriptor> blobs() throws RegistryException {
    if (isIndex()) {
      return List.of();
    }
    JsonNode tree = tree();
    List<Descriptor> all = new ArrayList<>();
    all.add(descriptor(tree.path("config")));
    all.addAll(descriptors(tree.path("layers")));
    return all.stream().distinct().toList();
  }

  /** The digest of an image's configuration. */
  public Descriptor config() throws RegistryException {
    return descriptor(tree().path("config"));
  }

  private JsonNode tree() throws RegistryException {
    try {
      return JSON.readTree(bytes);
    } catch (JacksonException e) {
      throw broken();
    } catch (IOException e) {
      throw new AssertionError("no I/O in a byte array", e);
    }
  }

  private List<Descriptor> descriptors(JsonNode list) throws RegistryException {
    if (!list.isArray()) {
      throw broken();
    }
    List<Descriptor> all = new ArrayList<>();
    for (JsonNode node : list) {
      all.add(descriptor(node));
    }
    return all;
  }

  private Descriptor descriptor(JsonNode node) throws RegistryException {
    String child = node.path("digest").asText("");
    long size = node.path("size").asLong(-1);
    if (!Digests.isDigest(child) || size < 0 || size > MAX_BLOB_BYTES) {
      throw broken();
    }
    return new Descriptor(node.path("mediaType").asText(""), child, size);
  }

  private RegistryException broken() {
    return new RegistryException(
        RegistryException.Kind.REFUSED,
        "manifest " + digest + " is not one that the farm can read");
  }
}
