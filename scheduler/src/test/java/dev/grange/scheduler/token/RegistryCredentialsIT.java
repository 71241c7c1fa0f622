package dev.grange.scheduler.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.grange.domain.access.Scope;
import dev.grange.domain.access.Scope.Action;
import dev.grange.embedded.RegistryProcess;
import dev.grange.embedded.TokenKey;
import dev.grange.registry.AuthFile;
import dev.grange.registry.ChallengeAuthenticator;
import dev.grange.registry.Digests;
import dev.grange.registry.Manifest;
import dev.grange.registry.Registry;
import dev.grange.registry.RegistryException;
import dev.grange.scheduler.Registries;
import dev.grange.scheduler.TestRows;
import dev.grange.scheduler.token.TokenFarm.Surroundings;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What each credential is good for, and what it is not: on real registries, with the tools that
 * workers and people use.
 */
@QuarkusTest
@WithTestResource(TokenFarm.class)
class RegistryCredentialsIT {
  private static final String CLUSTER = "credentials";
  private static final Path NOBODY = Path.of("/nonexistent/auth.json");
  private static final HttpClient HTTP = HttpClient.newHttpClient();
  private static final ObjectMapper JSON = new ObjectMapper();

  @Inject RegistryTokens tokens;
  @Inject Registries registries;

  Surroundings farm;
  private TestRows rows;
  private UUID attempt;
  private Path mine;
  private Path pusher;

  @BeforeEach
  void anAttemptThatRuns() throws Exception {
    rows = new TestRows(farm.database());
    rows.cluster(CLUSTER, 1000, "linux/mips64le");
    rows.lease(CLUSTER, 1);
    attempt = rows.attempt(CLUSTER, 1);
    mine = credential(attempt);
    pusher = auth(AuthFile.of(farm.candidate.address(), "pusher", "push"));
    if (!Files.exists(image())) {
      makeImage();
    }
  }

  // ── Tools ────────────────────────────────────────────────────────────────────────────────────

  private record Result(int status, String said) {}

  private Result run(String... command) throws Exception {
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("HOME", farm.folder.resolve("home").toString());
    Process process = builder.start();
    process.getOutputStream().close();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Result(process.waitFor(), said);
  }

  private Path image() {
    return farm.folder.resolve("image");
  }

  private Result buildah(String... arguments) throws Exception {
    List<String> command =
        new ArrayList<>(
            List.of(
                "buildah",
                "--root",
                farm.folder.resolve("root").toString(),
                "--runroot",
                farm.folder.resolve("run").toString(),
                "--storage-driver",
                "vfs"));
    command.addAll(List.of(arguments));
    return run(command.toArray(String[]::new));
  }

  /** One that is called {@code tiny} in buildah's storage and lies in a folder as well. */
  private void makeImage() throws Exception {
    Path file = Files.writeString(farm.folder.resolve("Containerfile"), "FROM scratch\nADD x /\n");
    Files.writeString(farm.folder.resolve("x"), "x");
    Result built =
        buildah(
            "build",
            "--isolation",
            "chroot",
            "--file",
            file.toString(),
            "--tag",
            "tiny",
            farm.folder.toString());
    assertThat(built.status()).as(built.said()).isZero();
    Result copied = buildah("push", "tiny", "oci:" + image());
    assertThat(copied.status()).as(copied.said()).isZero();
  }

  private Path auth(String json) throws Exception {
    return Files.writeString(Files.createTempFile(farm.folder, "auth", ".json"), json);
  }

  private Path credential(UUID id) throws Exception {
    return auth(tokens.credential(id, URI.create(farm.candidate.url())).orElseThrow().authJson());
  }

  /** The same for the stable registry, of which it has none. */
  private Path atStable(Path auth) throws Exception {
    return auth(Files.readString(auth).replace(farm.candidate.address(), farm.stable.address()));
  }

  private Result push(Path auth, RegistryProcess registry, String repository) throws Exception {
    return run(
        "skopeo",
        "copy",
        "--dest-authfile",
        auth.toString(),
        "--dest-tls-verify=false",
        "oci:" + image(),
        "docker://" + registry.address() + "/" + repository + ":" + UUID.randomUUID());
  }

  private Result pull(Path auth, RegistryProcess registry, String repository) throws Exception {
    return run(
        "skopeo",
        "inspect",
        "--authfile",
        auth.toString(),
        "--tls-verify=false",
        "docker://" + registry.address() + "/" + repository + ":1");
  }

  private void given(RegistryProcess registry, String repository) throws Exception {
    Path auth = registry == farm.stable ? atStable(pusher) : pusher;
    Result pushed =
        run(
            "skopeo",
            "copy",
            "--dest-authfile",
            auth.toString(),
            "--dest-tls-verify=false",
            "oci:" + image(),
            "docker://" + registry.address() + "/" + repository + ":1");
    assertThat(pushed.status()).as(pushed.said()).isZero();
  }

  private static void assertDone(Result result) {
    assertThat(result.status()).as(result.said()).isZero();
  }

  private static void assertRefused(Result result) {
    assertThat(result.status()).as(result.said()).isNotZero();
    assertThat(result.said()).containsAnyOf("unauthorized", "denied", "authentication required");
  }

  private HttpResponse<String> ask(String query, String... headers) throws Exception {
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(farm.token + "?" + query));
    if (headers.length > 0) {
      request.headers(headers);
    }
    return HTTP.send(request.build(), BodyHandlers.ofString());
  }

  private static String basic(Path auth) throws Exception {
    return "Basic "
        + JSON.readTree(auth.toFile()).path("auths").elements().next().path("auth").asText();
  }

  /** What is in a token for a scope: the actions, or nothing. */
  private String granted(Path auth, String service, String scope) throws Exception {
    HttpResponse<String> answer =
        ask(
            "service=" + service + "&scope=" + URLEncoder.encode(scope, StandardCharsets.UTF_8),
            "Authorization",
            basic(auth));
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    String token = JSON.readTree(answer.body()).path("token").asText();
    JsonNode claims = JSON.readTree(Base64.getUrlDecoder().decode(token.split("\\.", -1)[1]));
    return claims.path("access").toString();
  }

  // ── What a build's credential is good for ────────────────────────────────────────────────────

  @Test
  void itsOwnRepositoryTakesItsPushAndGivesItBack() throws Exception {
    String repository = farm.candidate.address() + "/attempts/" + attempt + ":1";
    assertDone(
        buildah(
            "push",
            "--authfile",
            mine.toString(),
            "--tls-verify=false",
            "tiny",
            "docker://" + repository));
    assertDone(pull(mine, farm.candidate, "attempts/" + attempt));
  }

  @Test
  void itPullsItsParentsAndItsProjectsContexts() throws Exception {
    given(farm.candidate, "base/os");
    given(farm.candidate, "contexts/default");
    assertDone(pull(mine, farm.candidate, "base/os"));
    assertDone(pull(mine, farm.candidate, "contexts/default"));
  }

  @Test
  void oneTokenIsGoodForItsRepositoryAndAParentAsMountingALayerNeedsIt() throws Exception {
    String access =
        granted(
            mine,
            "candidate",
            "repository:attempts/" + attempt + ":pull,push repository:base/os:pull");
    assertThat(JSON.readTree(access))
        .isEqualTo(
            JSON.readTree(
                """
                [{"type": "repository", "name": "attempts/%s", "actions": ["pull", "push"]},
                 {"type": "repository", "name": "base/os", "actions": ["pull"]}]
                """
                    .formatted(attempt)));
  }

  // ── Where it is refused ──────────────────────────────────────────────────────────────────────

  @Test
  void itIsRefusedAtAnotherAttemptsRepository() throws Exception {
    UUID other = rows.attempt(CLUSTER, 1);
    assertDone(push(credential(other), farm.candidate, "attempts/" + other));
    assertRefused(push(mine, farm.candidate, "attempts/" + other));
    assertRefused(pull(mine, farm.candidate, "attempts/" + other));
  }

  @ParameterizedTest(name = "it is refused at {0}")
  @ValueSource(strings = {"cache/default", "builds/1", "contexts/default", "base/os", "free"})
  void itPushesNowhereElseInTheCandidateRegistry(String repository) throws Exception {
    assertRefused(push(mine, farm.candidate, repository));
  }

  @Test
  void itIsRefusedBelowItsRepository() throws Exception {
    assertRefused(push(mine, farm.candidate, "attempts/" + attempt + "/x"));
  }

  @ParameterizedTest(name = "it cannot read {0}")
  @ValueSource(strings = {"cache/default", "contexts/blue"})
  void itReadsNeitherTheLayerCacheNorOtherProjectsContexts(String repository) throws Exception {
    given(farm.candidate, repository);
    assertRefused(pull(mine, farm.candidate, repository));
  }

  @Test
  void itIsRefusedAtStable() throws Exception {
    assertRefused(push(atStable(mine), farm.stable, "default/hello"));
    assertRefused(push(atStable(mine), farm.stable, "attempts/" + attempt));
  }

  @Test
  void itDeletesNothingNotEvenItsOwn() throws Exception {
    assertThat(granted(mine, "candidate", "repository:attempts/" + attempt + ":delete"))
        .isEqualTo("[]");
  }

  @Test
  void itIsRefusedAfterTheEndOfTheAttempt() throws Exception {
    assertDone(push(mine, farm.candidate, "attempts/" + attempt));
    rows.release(attempt);
    assertRefused(push(mine, farm.candidate, "attempts/" + attempt));
    assertThat(ask("service=candidate", "Authorization", basic(mine)).statusCode()).isEqualTo(401);
  }

  @Test
  void itIsRefusedOnceTheAttemptHasFinishedThoughItsSlotIsHeld() throws Exception {
    rows.execute(
        "UPDATE attempt SET state = 'CANCELLED', finished_at = now() WHERE id = ?::uuid",
        attempt.toString());
    assertRefused(push(mine, farm.candidate, "attempts/" + attempt));
    rows.execute("UPDATE attempt SET released_at = now() WHERE id = ?::uuid", attempt.toString());
  }

  @Test
  void aWrongSecretIsRefusedAndDoesNotCountAsNobody() throws Exception {
    given(farm.candidate, "base/os");
    UUID other = rows.attempt(CLUSTER, 1);
    String others = Files.readString(credential(other));
    String secret =
        new String(
                Base64.getDecoder()
                    .decode(
                        JSON.readTree(others)
                            .path("auths")
                            .elements()
                            .next()
                            .path("auth")
                            .asText()),
                StandardCharsets.UTF_8)
            .split(":", 2)[1];
    for (String wrong : List.of("", "guess", secret, secret + "=")) {
      Path auth = auth(AuthFile.of(farm.candidate.address(), "attempt-" + attempt, wrong));
      assertThat(ask("service=candidate", "Authorization", basic(auth)).statusCode())
          .isEqualTo(401);
      assertRefused(push(auth, farm.candidate, "attempts/" + attempt));
    }
    Path unknown = auth(AuthFile.of(farm.candidate.address(), "nobody", "push"));
    assertRefused(pull(unknown, farm.candidate, "base/os"));
  }

  @Test
  void aTestsCredentialPullsItsCandidateAndPushesNothing() throws Exception {
    UUID test = testAttempt("builds/tested");
    given(farm.candidate, "builds/tested");
    given(farm.candidate, "contexts/default");
    Path auth = credential(test);
    assertDone(pull(auth, farm.candidate, "builds/tested"));
    assertRefused(pull(auth, farm.candidate, "contexts/default"));
    for (String repository : List.of("builds/tested", "attempts/" + test, "contexts/default")) {
      assertRefused(push(auth, farm.candidate, repository));
    }
  }

  private UUID testAttempt(String candidate) {
    String build = UUID.randomUUID().toString();
    String release = UUID.randomUUID().toString();
    String run = UUID.randomUUID().toString();
    UUID id = UUID.randomUUID();
    rows.execute(
        """
        INSERT INTO build (id, project, image, containerfile, platforms, timeout_seconds, queue_seconds, principal, state,
          started_at, finished_at, candidate_repository, candidate_digest)
        VALUES (?::uuid, 'default', 'x', 'FROM scratch', ARRAY['linux/mips64le'], 60, 60, 'p', 'SUCCEEDED',
          now(), now(), ?, 'sha256:' || repeat('0', 64))
        """,
        build,
        candidate);
    rows.execute(
        "INSERT INTO release (id, build_id, digest) VALUES (?::uuid, ?::uuid, 'sha256:' ||"
            + " repeat('0', 64))",
        release,
        build);
    rows.execute(
        """
        INSERT INTO test_run (id, release_id, test_case, platform, digest, command, timeout_seconds, outcome)
        VALUES (?::uuid, ?::uuid, 'smoke', 'linux/mips64le', 'sha256:' || repeat('0', 64), '["true"]', 60, 'RUNNING')
        """,
        run,
        release);
    rows.execute(
        """
        INSERT INTO attempt (id, kind, test_run_id, number, cluster, epoch, pod_name, deadline)
        VALUES (?::uuid, 'TEST', ?::uuid, 1, ?, 1, 'grange-' || ?, now() + interval '1 hour')
        """,
        id.toString(),
        run,
        CLUSTER,
        id.toString());
    return id;
  }

  // ── Nobody, and machines with accounts ───────────────────────────────────────────────────────

  @Test
  void nobodyPushesAnywhere() throws Exception {
    given(farm.candidate, "base/os");
    given(farm.stable, "default/hello");
    for (String repository :
        List.of("base/os", "builds/1", "contexts/default", "cache/x", "attempts/" + attempt)) {
      assertRefused(push(NOBODY, farm.candidate, repository));
    }
    for (String repository : List.of("default/hello", "x")) {
      assertRefused(push(NOBODY, farm.stable, repository));
    }
  }

  @Test
  void everybodyPullsBasesBuildsAndWhatIsStableButNothingPrivate() throws Exception {
    for (String repository : List.of("base/os", "builds/1", "contexts/default", "cache/x")) {
      given(farm.candidate, repository);
    }
    given(farm.stable, "default/hello");
    assertDone(push(mine, farm.candidate, "attempts/" + attempt));
    assertDone(pull(NOBODY, farm.candidate, "base/os"));
    assertDone(pull(NOBODY, farm.candidate, "builds/1"));
    assertDone(pull(NOBODY, farm.stable, "default/hello"));
    for (String closed : List.of("contexts/default", "cache/x", "attempts/" + attempt)) {
      assertRefused(pull(NOBODY, farm.candidate, closed));
    }
  }

  @Test
  void anAccountDoesWhatItsLinesSayAndNoMore() throws Exception {
    assertDone(push(pusher, farm.candidate, "base/os"));
    assertRefused(push(pusher, farm.candidate, "attempts/" + attempt));
    assertRefused(push(pusher, farm.candidate, "default/hello"));
    assertRefused(push(atStable(pusher), farm.stable, "base/os"));
  }

  @Test
  void anAccountThatIsAddedOrRemovedCountsAtOnceAndABadLineChangesNothing() throws Exception {
    String before = Files.readString(farm.accounts);
    Path late = auth(AuthFile.of(farm.candidate.address(), "late", "late"));
    try {
      assertRefused(push(late, farm.candidate, "base/late"));
      Files.writeString(
          farm.accounts, before + Surroundings.account("late", "late", "push base/late candidate"));
      assertDone(push(late, farm.candidate, "base/late"));
      Files.writeString(farm.accounts, "late in the wrong format\n");
      assertDone(push(late, farm.candidate, "base/late"));
    } finally {
      Files.writeString(farm.accounts, before);
    }
    assertRefused(push(late, farm.candidate, "base/late"));
  }

  @Test
  void theFarmsClientAnswersAChallengeWithTheCredentialOfItsFile() throws Exception {
    URI url = URI.create(farm.candidate.url());
    byte[] blob = UUID.randomUUID().toString().getBytes(StandardCharsets.UTF_8);
    String digest = Digests.of(blob);
    Registry known = new Registry(url, new ChallengeAuthenticator(url, new AuthFile(pusher)));
    known.pushBlob("contexts/default", digest, blob);
    assertThat(known.hasBlob("contexts/default", digest)).isTrue();
    Registry unknown = new Registry(url, new ChallengeAuthenticator(url, null));
    assertThatThrownBy(() -> unknown.pushBlob("contexts/default", digest, blob))
        .isInstanceOfSatisfying(
            RegistryException.class,
            e -> assertThat(e.kind()).isEqualTo(RegistryException.Kind.UNAUTHORIZED));
  }

  @Test
  void theSchedulerItselfMountsAndWritesEverywhere() throws Exception {
    assertDone(push(mine, farm.candidate, "attempts/" + attempt));
    Registry candidate = registries.candidate();
    candidate.ping();
    given(farm.candidate, "base/os");
    Manifest manifest = candidate.manifest("base/os", "1").orElseThrow();
    for (Manifest.Descriptor blob : manifest.blobs()) {
      assertThat(candidate.mountBlob("builds/" + attempt, blob.digest(), "attempts/" + attempt))
          .isTrue();
    }
    candidate.putManifest("builds/" + attempt, manifest.digest(), manifest);
    assertThat(candidate.resolve("builds/" + attempt, manifest.digest())).isPresent();
    Registry stable = registries.stable().getFirst().registry();
    stable.pushBlob("default/mine", Digests.of(new byte[] {1}), new byte[] {1});
  }

  // ── Tokens themselves ────────────────────────────────────────────────────────────────────────

  private int begin(String token) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(
                URI.create(farm.candidate.url() + "/v2/attempts/" + attempt + "/blobs/uploads/"))
            .header("Authorization", "Bearer " + token)
            .POST(BodyPublishers.noBody())
            .build();
    return HTTP.send(request, BodyHandlers.discarding()).statusCode();
  }

  @Test
  void aTokenThatIsForgedOrForAnotherRegistryOrOutOfDateIsRefused() throws Exception {
    Signer ours = Signer.of(farm.folder.resolve("tokens/key.pem"));
    Signer strange = Signer.of(TokenKey.in(farm.folder.resolve("strange")).key());
    List<Scope> scopes = List.of(Scope.of("attempts/" + attempt, Action.PULL, Action.PUSH));
    Instant now = Instant.now();
    Duration minute = Duration.ofMinutes(1);
    String good = ours.sign("x", "candidate", scopes, now, minute);
    assertThat(begin(good)).isEqualTo(202);
    assertThat(begin(strange.sign("x", "candidate", scopes, now, minute))).isEqualTo(401);
    assertThat(begin(ours.sign("x", "stable", scopes, now, minute))).isEqualTo(401);
    assertThat(begin(ours.sign("x", "candidate", scopes, now.minusSeconds(600), minute)))
        .isEqualTo(401);
    assertThat(begin(ours.sign("x", "candidate", scopes, now.plusSeconds(600), minute)))
        .isEqualTo(401);
    assertThat(begin(ours.sign("x", "candidate", List.of(), now, minute))).isEqualTo(401);
    String[] parts = good.split("\\.", -1);
    String none =
        Base64.getUrlEncoder()
            .withoutPadding()
            .encodeToString(
                "{\"typ\":\"JWT\",\"alg\":\"none\"}".getBytes(StandardCharsets.US_ASCII));
    assertThat(begin(none + "." + parts[1] + ".")).isEqualTo(401);
    String other =
        ours.sign("x", "candidate", List.of(Scope.of("stolen", Action.PUSH)), now, minute)
            .split("\\.", -1)[1];
    assertThat(begin(parts[0] + "." + other + "." + parts[2])).isEqualTo(401);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "service=",
        "service=other",
        "service=candidate&scope=repository:..%2F..%2Fetc:pull",
        "service=candidate&scope=repository:a%22%7D:pull",
        "service=candidate&scope=repository:a%0A:pull",
        "service=candidate&scope=%00",
        "service=candidate&scope=repository:a:pull%20repository:b:pull%20x%20x%20x%20x%20x%20x%20x"
      })
  void nonsenseIsRefusedBeforeAnythingIsAsked(String query) throws Exception {
    assertThat(ask(query).statusCode()).isEqualTo(400);
  }

  @Test
  void whatIsTooLongOrNotBasicOrNotAGetIsRefused() throws Exception {
    assertThat(ask("service=candidate&scope=" + "a".repeat(9000)).statusCode()).isIn(414, 431);
    assertThat(ask("service=candidate", "Authorization", "Basic " + "a".repeat(9000)).statusCode())
        .isEqualTo(431);
    for (String header : List.of("Bearer x", "Basic", "Basic !!!", "Basic eA==")) {
      assertThat(ask("service=candidate", "Authorization", header).statusCode()).isEqualTo(400);
    }
    HttpRequest post =
        HttpRequest.newBuilder(URI.create(farm.token))
            .POST(BodyPublishers.ofString("grant_type=password"))
            .build();
    assertThat(HTTP.send(post, BodyHandlers.discarding()).statusCode()).isEqualTo(405);
    URI health = URI.create(farm.token.replace("/token", "/q/health"));
    assertThat(
            HTTP.send(HttpRequest.newBuilder(health).build(), BodyHandlers.discarding())
                .statusCode())
        .isEqualTo(404);
  }
}
