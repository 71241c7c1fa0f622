package dev.grange.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.grange.embedded.FreePorts;
import dev.grange.embedded.RegistryProcess;
import dev.grange.registry.RegistryException.Kind;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Against the distribution project's own registry. */
class RegistryIT {
  @TempDir static Path directory;

  private static final List<RegistryProcess> PROCESSES = new ArrayList<>();
  private static Registry candidate;
  private static Registry stable;

  private final String from = "attempts/" + UUID.randomUUID();
  private final String to = "default/" + UUID.randomUUID();
  private final long seed = UUID.randomUUID().getLeastSignificantBits();

  @BeforeAll
  static void start() throws Exception {
    candidate = registry("candidate");
    stable = registry("stable");
  }

  private static Registry registry(String name) throws Exception {
    RegistryProcess process =
        RegistryProcess.start(
            new RegistryProcess.Options(
                directory.resolve(name),
                "127.0.0.1",
                FreePorts.any(),
                directory.resolve(name + ".log")));
    PROCESSES.add(process);
    return new Registry(URI.create(process.url()));
  }

  @AfterAll
  static void stop() throws IOException {
    for (RegistryProcess process : PROCESSES) {
      process.close();
    }
  }

  private static Kind kindOf(Throwable failure) {
    return ((RegistryException) failure).kind();
  }

  /** The bytes as another client reads them. */
  private static byte[] skopeo(Registry registry, String repository, String reference)
      throws Exception {
    Process process =
        new ProcessBuilder(
                "skopeo",
                "inspect",
                "--raw",
                "--tls-verify=false",
                "docker://" + registry.host() + "/" + repository + reference)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    byte[] bytes = process.getInputStream().readAllBytes();
    assertThat(process.waitFor()).isZero();
    return bytes;
  }

  @Test
  void whatIsPushedIsReadBackByteForByteByDigestAndByTag() throws Exception {
    Manifest image = Images.push(candidate, from, seed);
    candidate.putManifest(from, "latest", image);

    assertThat(candidate.resolve(from, "latest")).contains(image.digest());
    assertThat(candidate.manifest(from, image.digest()).orElseThrow().bytes())
        .isEqualTo(image.bytes());
    assertThat(skopeo(candidate, from, ":latest")).isEqualTo(image.bytes());
    assertThat(candidate.manifest(from, "latest").orElseThrow().mediaType())
        .isEqualTo(Manifest.OCI_MANIFEST);
  }

  @Test
  void whatIsNotThereIsEmptyAndNoFailure() throws Exception {
    assertThat(candidate.resolve("no/such", "latest")).isEmpty();
    assertThat(candidate.manifest("no/such", "latest")).isEmpty();
    assertThat(candidate.hasBlob("no/such", Digests.of(new byte[] {1}))).isFalse();
    assertThatThrownBy(() -> candidate.blob("no/such", Digests.of(new byte[] {1})).close())
        .extracting(RegistryIT::kindOf)
        .isEqualTo(Kind.NOT_FOUND);
  }

  @Test
  void writingTheSameTwiceIsFine() throws Exception {
    assertThat(Images.push(candidate, from, seed).digest())
        .isEqualTo(Images.push(candidate, from, seed).digest());
  }

  @Test
  void aBlobIsMountedFromAnotherRepositoryWithoutItsBytes() throws Exception {
    byte[] blob = ("blob " + seed).getBytes(StandardCharsets.UTF_8);
    candidate.pushBlob(from, Digests.of(blob), blob);

    assertThat(candidate.mountBlob(to, Digests.of(blob), from)).isTrue();

    try (var in = candidate.blob(to, Digests.of(blob))) {
      assertThat(in.readAllBytes()).isEqualTo(blob);
    }
  }

  @Test
  void aBlobThatTheOtherRepositoryDoesNotHaveIsNotMounted() throws Exception {
    assertThat(
            candidate.mountBlob(
                to, Digests.of(("none" + seed).getBytes(StandardCharsets.UTF_8)), from))
        .isFalse();
  }

  @Test
  void aLargeBlobFromAFileArrivesWhole() throws Exception {
    Path file = directory.resolve("blob-" + seed);
    byte[] bytes = new byte[5_000_000];
    new java.util.Random(seed).nextBytes(bytes);
    Files.write(file, bytes);

    candidate.pushBlob(from, Digests.of(bytes), file);

    try (var in = candidate.blob(from, Digests.of(bytes))) {
      assertThat(Digests.of(in.readAllBytes())).isEqualTo(Digests.of(bytes));
    }
  }

  @Test
  void bytesThatAreNotTheDigestsAreRefused() {
    assertThatThrownBy(() -> candidate.pushBlob(from, Digests.of(new byte[] {1}), new byte[] {2}))
        .extracting(RegistryIT::kindOf)
        .isEqualTo(Kind.REFUSED);
  }

  @Test
  void anImageIsCopiedToAnotherRegistryByteForByte() throws Exception {
    Manifest image = Images.push(candidate, from, seed);

    assertThat(ImageCopy.copy(candidate, from, stable, to, image.digest())).isTrue();

    assertThat(skopeo(stable, to, "@" + image.digest())).isEqualTo(image.bytes());
    for (Manifest.Descriptor blob : image.blobs()) {
      try (var in = stable.blob(to, blob.digest())) {
        assertThat(Digests.of(in.readAllBytes())).isEqualTo(blob.digest());
      }
    }
  }

  @Test
  void copyingAgainSaysThatItWasThere() throws Exception {
    Manifest image = Images.push(candidate, from, seed);
    ImageCopy.copy(candidate, from, stable, to, image.digest());
    assertThat(ImageCopy.copy(candidate, from, stable, to, image.digest())).isFalse();
  }

  @Test
  void aLayerThatTheTargetHasElsewhereIsMountedAndOneThatIsGoneThereIsSent() throws Exception {
    Manifest image = Images.push(candidate, from, seed);
    ImageCopy.copy(candidate, from, stable, to, image.digest());
    String digest = image.blobs().getFirst().digest();
    assertThat(stable.lastSeen(digest)).hasValue(to);

    assertThat(ImageCopy.bring(candidate, from, stable, to + "-2", image.digest()).bytes())
        .isEqualTo(image.bytes());
    assertThat(stable.hasBlob(to + "-2", digest)).isTrue();

    // as after a restart of the registry without its storage: what was seen is there no more
    Registry forgetful = new Registry(URI.create("http://" + stable.host()));
    assertThat(forgetful.mountBlob(to + "-3", digest, "never/was")).isFalse();
    assertThat(forgetful.lastSeen(digest)).isEmpty();
    assertThat(ImageCopy.copy(candidate, from, forgetful, to + "-3", image.digest())).isTrue();
  }

  @Test
  void anIndexIsCopiedWithBothOfItsImages() throws Exception {
    Manifest amd = Images.push(candidate, from, seed);
    Manifest arm = Images.push(candidate, from, seed + 1);
    Manifest index = Images.index(amd, arm);
    candidate.putManifest(from, index.digest(), index);

    assertThat(ImageCopy.copy(candidate, from, stable, to, index.digest())).isTrue();

    Manifest copied = stable.manifest(to, index.digest()).orElseThrow();
    assertThat(copied.isIndex()).isTrue();
    assertThat(copied.bytes()).isEqualTo(index.bytes());
    assertThat(skopeo(stable, to, "@" + index.digest())).isEqualTo(index.bytes());
    for (Manifest child : List.of(amd, arm)) {
      assertThat(skopeo(stable, to, "@" + child.digest())).isEqualTo(child.bytes());
    }
  }

  @Test
  void anIndexIsCopiedWithinARegistryToo() throws Exception {
    Manifest amd = Images.push(candidate, from, seed);
    Manifest arm = Images.push(candidate, from, seed + 1);
    Manifest index = Images.index(amd, arm);
    candidate.putManifest(from, index.digest(), index);

    assertThat(ImageCopy.copy(candidate, from, candidate, to, index.digest())).isTrue();

    assertThat(candidate.manifest(to, index.digest()).orElseThrow().bytes())
        .isEqualTo(index.bytes());
  }

  @Test
  void anIndexWhoseImagesAreElsewhereIsRefusedWhichIsWhyChildrenGoFirst() throws Exception {
    Manifest image = Images.push(candidate, from, seed);
    Manifest index = Images.index(image);
    assertThatThrownBy(() -> candidate.putManifest(to, index.digest(), index))
        .extracting(RegistryIT::kindOf)
        .isEqualTo(Kind.REFUSED);
  }

  @Test
  void anInterruptedCopyIsFinishedByTheNextOne() throws Exception {
    Manifest image = Images.push(candidate, from, seed);
    Manifest.Descriptor first = image.blobs().getFirst();
    stable.streamBlob(to, first, candidate, from);

    assertThat(ImageCopy.copy(candidate, from, stable, to, image.digest())).isTrue();
    assertThat(stable.resolve(to, image.digest())).contains(image.digest());
  }

  @Test
  void copyingWhatTheSourceDoesNotHaveSaysSo() {
    assertThatThrownBy(
            () -> ImageCopy.copy(candidate, from, stable, to, Digests.of(new byte[] {9})))
        .extracting(RegistryIT::kindOf)
        .isEqualTo(Kind.NOT_FOUND);
  }

  @Test
  void nestingWithoutEndIsRefused() throws Exception {
    Manifest nested = Images.push(candidate, from, seed);
    for (int i = 0; i < 3; i++) {
      nested = Images.index(nested);
      candidate.putManifest(from, nested.digest(), nested);
    }
    String digest = nested.digest();
    assertThatThrownBy(() -> ImageCopy.copy(candidate, from, stable, to, digest))
        .extracting(RegistryIT::kindOf)
        .isEqualTo(Kind.REFUSED);
  }

  @Test
  void aRegistryThatIsDownIsUnreachableAndMayBeAskedAgain() {
    Registry down = new Registry(URI.create("http://127.0.0.1:" + FreePorts.any()));
    assertThatThrownBy(down::ping)
        .isInstanceOfSatisfying(
            RegistryException.class,
            e -> {
              assertThat(e.kind()).isEqualTo(Kind.UNREACHABLE);
              assertThat(e.retryable()).isTrue();
            });
  }
}
