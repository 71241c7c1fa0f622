package dev.grange.api.context;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.nio.file.Path;
import java.util.Optional;

/** Limits of uploaded contexts. */
@ConfigMapping(prefix = "grange.context")
public interface ContextSettings {

  /** The largest upload, in bytes as they are sent. */
  @WithDefault("2147483648")
  long maxBytes();

  /** The largest archive when it is unpacked, in bytes. */
  @WithDefault("8589934592")
  long maxUnpackedBytes();

  /**
   * How many times larger than the upload the unpacked archive may be, once it is larger than 64
   * MiB.
   */
  @WithDefault("100")
  int maxRatio();

  /** How many files, folders and links an archive may have. */
  @WithDefault("200000")
  int maxEntries();

  /** How many uploads are taken at once; each needs up to twice its size on disk. */
  @WithDefault("4")
  int maxConcurrent();

  /** Where uploads lie while they are looked at; the system's folder for such files by default. */
  Optional<Path> directory();

  /**
   * The credential for the candidate registry, as {@code podman login} writes it
   * (containers-auth.json(5)); read again each time. It needs to pull and push below {@code
   * contexts/}, and nothing else.
   */
  Optional<Path> registryAuthFile();
}
