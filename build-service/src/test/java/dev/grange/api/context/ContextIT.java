package dev.grange.api.context;

import static org.assertj.core.api.Assertions.assertThat;

import dev.grange.api.testing.Archives;
import dev.grange.api.testing.Farm;
import dev.grange.api.testing.Farm.Answer;
import dev.grange.api.testing.Farm.Api;
import dev.grange.api.testing.FarmResource;
import dev.grange.registry.Manifest;
import dev.grange.registry.Registry;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpRequest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

@QuarkusTest
@QuarkusTestResource(FarmResource.class)
class ContextIT {
  private final Api api = Farm.admin();

  private static byte[] some() {
    return Archives.tar().file("hello", UUID.randomUUID().toString()).link("l", "hello").gzip();
  }

  @AfterEach
  void nothingIsLeftOnTheDisk() throws IOException {
    try (Stream<Path> files = Files.list(Farm.uploads())) {
      assertThat(files).isEmpty();
    }
  }

  @Test
  void aContextIsKeptAsAnArtifactThatWorkersCanFetch() throws IOException {
    byte[] bytes = some();
    Answer answer = api.upload("/api/v1/contexts", bytes);
    assertThat(answer.status()).as(answer.body()).isEqualTo(201);
    String digest = answer.at("/digest");
    assertThat(digest).isEqualTo(dev.grange.registry.Digests.of(bytes));
    assertThat(answer.json().get("entries").asInt()).isEqualTo(2);
    assertThat(answer.header("Location")).contains("/api/v1/contexts/" + digest);
    assertThat(
            Farm.count(
                "SELECT count(*) FROM context WHERE project = 'default' AND digest = ?", digest))
        .isEqualTo(1);

    Registry registry = new Registry(URI.create(Farm.candidate()));
    String artifact = Farm.text("SELECT artifact FROM context WHERE digest = ?", digest);
    Manifest manifest = registry.manifest("contexts/default", artifact).orElseThrow();
    assertThat(manifest.mediaType()).isEqualTo(Manifest.OCI_MANIFEST);
    Manifest.Descriptor layer = manifest.blobs().get(1);
    assertThat(layer.mediaType()).isEqualTo("application/vnd.oci.image.layer.v1.tar+gzip");
    assertThat(layer.size()).isEqualTo(answer.json().get("size").asLong());
    List<String> names = new ArrayList<>();
    try (InputStream blob = registry.blob("contexts/default", layer.digest());
        TarArchiveInputStream in = new TarArchiveInputStream(new GZIPInputStream(blob))) {
      for (var entry = in.getNextEntry(); entry != null; entry = in.getNextEntry()) {
        names.add(entry.getName());
      }
    }
    assertThat(names).containsExactly("hello", "l");
  }

  @Test
  void theSameContextAgainIsThereAlreadyAndABuildMayNameIt() {
    byte[] bytes = some();
    String digest = api.upload("/api/v1/contexts?project=default", bytes).at("/digest");
    Answer again = api.upload("/api/v1/contexts", bytes);
    assertThat(again.status()).isEqualTo(200);
    assertThat(again.at("/digest")).isEqualTo(digest);
    assertThat(api.get("/api/v1/contexts/" + digest).status()).isEqualTo(200);
    assertThat(
            api.send(
                    api.request("/api/v1/contexts/" + digest)
                        .method("HEAD", HttpRequest.BodyPublishers.noBody()))
                .status())
        .isEqualTo(200);
    assertThat(api.get("/api/v1/contexts/sha256:" + "0".repeat(64)).status()).isEqualTo(404);
    Answer build =
        api.post(
            "/api/v1/builds",
            "{\"image\":\"hello\",\"containerfile\":\"FROM scratch\\nCOPY hello /\\n\",\"context\":\"%s\"}"
                .formatted(digest));
    assertThat(build.status()).as(build.body()).isEqualTo(202);
    assertThat(build.at("/context")).isEqualTo(digest);
  }

  @Test
  void aContextOfOneProjectIsNoneOfAnother() {
    Farm.project("elsewhere");
    String digest = api.upload("/api/v1/contexts", some()).at("/digest");
    assertThat(api.get("/api/v1/contexts/" + digest + "?project=elsewhere").status())
        .isEqualTo(404);
    Answer build =
        api.post(
            "/api/v1/builds",
            "{\"project\":\"elsewhere\",\"image\":\"a\",\"containerfile\":\"FROM a\",\"context\":\"%s\"}"
                .formatted(digest));
    assertThat(build.status()).isEqualTo(400);
    assertThat(build.at("/errors/0/pointer")).isEqualTo("/context");
  }

  @Test
  void hostileArchivesAreRefusedAndSayWhy() {
    byte[][] hostile = {
      Archives.tar().file("../a", "x").gzip(),
      Archives.tar().file("/a", "x").gzip(),
      Archives.tar().link("a", "../../etc/passwd").gzip(),
      Archives.tar().link("a", "/etc/passwd").gzip(),
      Archives.tar().link("a", "b").file("a/c", "x").gzip(),
      Archives.tar().special("a", TarConstants.LF_BLK).gzip(),
      Archives.tar().zeros("zeros", 70 << 20).gzip(),
      "no archive at all".getBytes(),
      new byte[0],
    };
    for (byte[] bytes : hostile) {
      Answer answer = api.upload("/api/v1/contexts", bytes);
      assertThat(answer.status()).as(answer.body()).isEqualTo(400);
      assertThat(answer.at("/code")).isEqualTo("invalid-context-archive");
      assertThat(answer.body()).doesNotContain("Exception", "grange-context-");
    }
  }

  @Test
  void aContextThatIsTooLargeIsRefusedWhetherOrNotItSaysSo() {
    byte[] large = new byte[5 << 20];
    new Random(3).nextBytes(large);
    Answer announced = api.upload("/api/v1/contexts", large);
    assertThat(announced.status()).isEqualTo(413);
    assertThat(announced.at("/code")).isEqualTo("context-too-large");
    Answer chunked =
        api.send(
            api.request("/api/v1/contexts")
                .POST(
                    HttpRequest.BodyPublishers.ofInputStream(
                        () -> new java.io.ByteArrayInputStream(large))));
    assertThat(chunked.status()).isEqualTo(413);
    assertThat(chunked.at("/code")).isEqualTo("context-too-large");
  }

  @Test
  void whoMayNotUploadIsToldSoHoweverMuchIsSent() {
    byte[] large = new byte[20 << 20];
    assertThat(new Api("").upload("/api/v1/contexts", large).status()).isEqualTo(401);
    assertThat(Farm.api("v", null, "viewer").upload("/api/v1/contexts", large).status())
        .isEqualTo(403);
    assertThat(api.upload("/api/v1/contexts?project=none", large).status()).isEqualTo(404);
    assertThat(api.upload("/api/v1/nothing", large).status()).isEqualTo(404);
  }

  @Test
  void withTheRegistryAwayNothingIsHalfWritten() {
    byte[] bytes = some();
    long before = Farm.count("SELECT count(*) FROM context");
    Farm.does("registry.cut");
    try {
      Answer answer = api.upload("/api/v1/contexts", bytes);
      assertThat(answer.status()).isEqualTo(503);
      assertThat(answer.at("/code")).isEqualTo("unavailable");
      assertThat(answer.header("Retry-After")).isNotEmpty();
      assertThat(Farm.count("SELECT count(*) FROM context")).isEqualTo(before);
      assertThat(api.post("/api/v1/builds", Farm.submission("default")).status())
          .as("builds without a context do not need it")
          .isEqualTo(202);
    } finally {
      Farm.does("registry.mend");
    }
    assertThat(api.upload("/api/v1/contexts", bytes).status()).isEqualTo(201);
  }
}
