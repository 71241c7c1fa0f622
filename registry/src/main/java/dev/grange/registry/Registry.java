package dev.grange.registry;

import dev.grange.registry.RegistryException.Kind;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * A container registry, spoken to by the OCI distribution-spec v1.1.
 *
 * <p>Every write is named by its digest, so every method may be repeated. A lost answer is {@link
 * Kind#UNREACHABLE}: look before you believe that nothing happened. Redirects are not followed on
 * writes. Thread-safe.
 */
public final class Registry {
  /**
   * What the distribution project accepts as well; a larger manifest is refused before it is read.
   */
  public static final int MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

  private static final Duration CONNECT = Duration.ofSeconds(5);
  private static final Duration SHORT = Duration.ofSeconds(30);
  private static final Duration LONG = Duration.ofMinutes(30);
  private static final String ACCEPT =
      String.join(
          ", ",
          Manifest.OCI_INDEX,
          Manifest.OCI_MANIFEST,
          Manifest.DOCKER_LIST,
          Manifest.DOCKER_MANIFEST);

  private static final int MAX_REDIRECTS = 5;

  /** Enough for the layers of the base images that are in use. */
  private static final int MAX_SEEN = 4096;

  private final URI base;

  /**
   * Repositories by the digest of a blob that each had when it was last looked at. A hint: blobs
   * may be deleted meanwhile.
   */
  private final Map<String, String> seen =
      Collections.synchronizedMap(
          new LinkedHashMap<>(16, 0.75f, true) {
            private static final long serialVersionUID = 1L;

            @Override
            protected boolean removeEldestEntry(Map.Entry<String, String> eldest) {
              return size() > MAX_SEEN;
            }
          });

  private final HttpClient http =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .connectTimeout(CONNECT)
          .followRedirects(HttpClient.Redirect.NEVER)
          .build();

  private final Authenticator authenticator;

  /**
   * A client of one registry that asks for no credential.
   *
   * @param base scheme, host and port, such as {@code http://127.0.0.1:5000}
   */
  public Registry(URI base) {
    this(base, Authenticator.NONE);
  }

  /** A client of one registry. */
  public Registry(URI base, Authenticator authenticator) {
    this.base = base;
    this.authenticator = authenticator;
  }

  /** Scheme, host and port. */
  public URI url() {
    return base;
  }

  /** Host and port: what a pullspec starts with. */
  public String host() {
    return base.getAuthority();
  }

  /** The failure of something that ought to be there and is not. */
  public RegistryException missing(String repository, String reference) {
    return new RegistryException(
        Kind.NOT_FOUND, "registry " + host() + " has no " + reference + " in " + repository);
  }

  /** Whether it is spoken to without TLS. */
  public boolean isPlainHttp() {
    return "http".equals(base.getScheme());
  }

  /** Whether two names are the same registry, so that blobs can be mounted instead of copied. */
  public boolean isSameAs(Registry other) {
    return base.equals(other.base);
  }

  /** Fails unless the registry answers its API root. */
  public void ping() throws RegistryException {
    expect(send(Access.root(), get("/v2/").GET(), BodyHandlers.discarding()), 200, "the API root");
  }

  /** The digest that a tag or digest stands for, if the repository has it. */
  public Optional<String> resolve(String repository, String reference) throws RegistryException {
    HttpRequest.Builder request =
        get(manifestPath(repository, reference))
            .method("HEAD", BodyPublishers.noBody())
            .header("Accept", ACCEPT);
    HttpResponse<Void> answer = send(Access.read(repository), request, BodyHandlers.discarding());
    if (answer.statusCode() == 404) {
      return Optional.empty();
    }
    expect(answer, 200, repository + " " + reference);
    return answer.headers().firstValue("Docker-Content-Digest").filter(Digests::isDigest);
  }

  /**
   * The manifest that a tag or digest stands for. Asked for by digest, the bytes are checked
   * against it.
   */
  public Optional<Manifest> manifest(String repository, String reference) throws RegistryException {
    HttpResponse<byte[]> answer =
        send(
            Access.read(repository),
            get(manifestPath(repository, reference)).GET().header("Accept", ACCEPT),
            LimitedBody.upTo(MAX_MANIFEST_BYTES));
    if (answer.statusCode() == 404) {
      return Optional.empty();
    }
    expect(answer, 200, repository + " " + reference);
    byte[] bytes = answer.body();
    String digest = Digests.of(bytes);
    if (Digests.isDigest(reference) && !digest.equals(reference)) {
      throw new RegistryException(Kind.BROKEN, host() + " sent other bytes than " + reference);
    }
    return Optional.of(
        new Manifest(digest, answer.headers().firstValue("Content-Type").orElse(""), bytes));
  }

  /**
   * Writes a manifest.
   *
   * @param reference a tag, or the digest of {@code manifest}
   */
  public void putManifest(String repository, String reference, Manifest manifest)
      throws RegistryException {
    HttpRequest.Builder request =
        get(manifestPath(repository, reference))
            .PUT(BodyPublishers.ofByteArray(manifest.bytes()))
            .header("Content-Type", manifest.mediaType());
    expect(
        send(Access.write(repository), request, BodyHandlers.discarding()),
        201,
        "writing " + repository + " " + reference);
  }

  public boolean hasBlob(String repository, String digest) throws RegistryException {
    HttpResponse<Void> answer =
        send(
            Access.read(repository),
            get(blobPath(repository, digest)).method("HEAD", BodyPublishers.noBody()),
            BodyHandlers.discarding());
    if (answer.statusCode() == 404) {
      return false;
    }
    expect(answer, 200, repository + " " + digest);
    seen.put(digest, repository);
    return true;
  }

  /** A repository of this registry from which a blob can probably be mounted. */
  Optional<String> lastSeen(String digest) {
    return Optional.ofNullable(seen.get(digest));
  }

  /**
   * A blob's bytes, not checked against the digest: whoever stores them checks. The caller closes
   * the stream.
   */
  public InputStream blob(String repository, String digest) throws RegistryException {
    HttpResponse<InputStream> answer =
        send(
            Access.read(repository),
            get(blobPath(repository, digest)).GET().timeout(LONG),
            BodyHandlers.ofInputStream());
    try {
      expect(answer, 200, repository + " " + digest);
    } catch (RegistryException e) {
      closeQuietly(answer.body());
      throw e;
    }
    return answer.body();
  }

  /**
   * Makes a blob of another repository of this registry appear in this one, without moving bytes
   * (distribution-spec, "Mounting a blob from another repository").
   *
   * @return false when the registry wants the bytes instead; the upload that it opened is given up
   */
  public boolean mountBlob(String repository, String digest, String from) throws RegistryException {
    String query = "?mount=" + encode(digest) + "&from=" + encode(from);
    HttpResponse<Void> answer =
        send(
            Access.mount(repository, from),
            get(uploadPath(repository) + query).POST(BodyPublishers.noBody()),
            BodyHandlers.discarding());
    if (answer.statusCode() == 201) {
      seen.put(digest, repository);
      return true;
    }
    seen.remove(digest, from);
    expect(answer, 202, "mounting " + digest + " in " + repository);
    cancelUpload(repository, answer);
    return false;
  }

  /** Uploads a blob from a file unless the repository has it. */
  public void pushBlob(String repository, String digest, Path file) throws IOException {
    if (!hasBlob(repository, digest)) {
      upload(repository, digest, BodyPublishers.ofFile(file));
    }
  }

  /** Uploads a small blob unless the repository has it. */
  public void pushBlob(String repository, String digest, byte[] bytes) throws RegistryException {
    if (!hasBlob(repository, digest)) {
      upload(repository, digest, BodyPublishers.ofByteArray(bytes));
    }
  }

  /**
   * Streams a blob from another registry, with memory bounded whatever its size. The target checks
   * the digest.
   */
  void streamBlob(String repository, Manifest.Descriptor blob, Registry source, String from)
      throws RegistryException {
    try (InputStream in = source.blob(from, blob.digest())) {
      upload(
          repository,
          blob.digest(),
          BodyPublishers.fromPublisher(
              BodyPublishers.ofInputStream(() -> in), Math.max(1, blob.size())));
    } catch (RegistryException e) {
      throw e;
    } catch (IOException e) {
      throw new RegistryException(Kind.UNREACHABLE, "closing the stream from " + source.host(), e);
    }
  }

  /** Opens an upload and closes it with all bytes in one PUT. */
  private void upload(String repository, String digest, BodyPublisher bytes)
      throws RegistryException {
    HttpResponse<Void> opened =
        send(
            Access.write(repository),
            get(uploadPath(repository)).POST(BodyPublishers.noBody()),
            BodyHandlers.discarding());
    expect(opened, 202, "opening an upload to " + repository);
    URI location = location(opened);
    String separator = location.getRawQuery() == null ? "?" : "&";
    HttpRequest.Builder put =
        HttpRequest.newBuilder(URI.create(location + separator + "digest=" + encode(digest)))
            .timeout(LONG)
            .header("Content-Type", "application/octet-stream")
            .PUT(bytes);
    expect(
        send(Access.write(repository), put, BodyHandlers.discarding()),
        201,
        "uploading " + digest + " to " + repository);
    seen.put(digest, repository);
  }

  private void cancelUpload(String repository, HttpResponse<Void> opened) {
    try {
      send(
          Access.write(repository),
          HttpRequest.newBuilder(location(opened)).timeout(SHORT).DELETE(),
          BodyHandlers.discarding());
    } catch (RegistryException e) {
      // An upload that is not given up is one that the registry purges by age: nothing to do about
      // it here.
      return;
    }
  }

  /** Where an upload goes on. A registry may not send us to another host, nor from TLS to none. */
  private URI location(HttpResponse<?> answer) throws RegistryException {
    String text = answer.headers().firstValue("Location").orElse("");
    try {
      URI location = base.resolve(text);
      if (!text.isEmpty()
          && base.getScheme().equalsIgnoreCase(location.getScheme())
          && base.getAuthority().equals(location.getAuthority())) {
        return location;
      }
    } catch (IllegalArgumentException e) {
      throw new RegistryException(
          Kind.BROKEN, host() + " gave an upload location that is not a URL", e);
    }
    throw new RegistryException(
        Kind.BROKEN, host() + " gave an upload location that is not its own");
  }

  private HttpRequest.Builder get(String path) {
    return HttpRequest.newBuilder(base.resolve(path)).timeout(SHORT);
  }

  /** Sends a request with what lets it in, and again if the registry says how to get that. */
  private <T> HttpResponse<T> send(
      Access access, HttpRequest.Builder builder, HttpResponse.BodyHandler<T> body)
      throws RegistryException {
    HttpResponse<T> answer = sendOnce(access, builder, body);
    if (answer.statusCode() == 401
        && authenticator.challenged(access, answer.headers().allValues("WWW-Authenticate"))) {
      if (answer.body() instanceof InputStream unread) {
        closeQuietly(unread);
      }
      return sendOnce(access, builder, body);
    }
    return answer;
  }

  private <T> HttpResponse<T> sendOnce(
      Access access, HttpRequest.Builder builder, HttpResponse.BodyHandler<T> body)
      throws RegistryException {
    HttpRequest.Builder authorized = builder.copy();
    authenticator
        .authorization(access)
        .ifPresent(header -> authorized.setHeader("Authorization", header));
    HttpResponse<T> answer = exchange(authorized.build(), body);
    boolean reads =
        answer.request().method().equals("GET") || answer.request().method().equals("HEAD");
    for (int hops = 0; reads && hops < MAX_REDIRECTS && isRedirect(answer.statusCode()); hops++) {
      if (answer.body() instanceof InputStream unread) {
        closeQuietly(unread);
      }
      answer = exchange(redirected(answer, builder), body);
    }
    return answer;
  }

  private static boolean isRedirect(int status) {
    return switch (status) {
      case 301, 302, 303, 307, 308 -> true;
      default -> false;
    };
  }

  /**
   * Where a registry that keeps blobs elsewhere sends readers: to any host, but without our
   * credential, and never from TLS to none.
   */
  private HttpRequest redirected(HttpResponse<?> answer, HttpRequest.Builder builder)
      throws RegistryException {
    try {
      URI target = answer.uri().resolve(answer.headers().firstValue("Location").orElse(""));
      boolean tls = "https".equals(target.getScheme());
      if (target.getHost() != null
          && (tls || ("http".equals(target.getScheme()) && isPlainHttp()))) {
        return builder.copy().uri(target).build();
      }
    } catch (IllegalArgumentException e) {
      throw new RegistryException(Kind.BROKEN, host() + " redirects to what is not a URL", e);
    }
    throw new RegistryException(Kind.BROKEN, host() + " redirects to where nobody may be sent");
  }

  /**
   * The request's own timeout ends with the answer's headers; this one holds for all of it, since a
   * registry may stop in the middle.
   */
  private <T> HttpResponse<T> exchange(HttpRequest request, HttpResponse.BodyHandler<T> body)
      throws RegistryException {
    CompletableFuture<HttpResponse<T>> answer = http.sendAsync(request, body);
    try {
      return answer.get(request.timeout().orElse(SHORT).toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      answer.cancel(true);
      throw new RegistryException(
          Kind.UNREACHABLE, "registry " + host() + " did not answer in time", e);
    } catch (ExecutionException e) {
      throw failure(e.getCause() == null ? e : e.getCause());
    } catch (InterruptedException e) {
      answer.cancel(true);
      Thread.currentThread().interrupt();
      throw new RegistryException(
          Kind.UNREACHABLE, "interrupted while waiting for registry " + host(), e);
    }
  }

  private RegistryException failure(Throwable cause) {
    if (cause instanceof LimitedBody.TooLarge) {
      return new RegistryException(
          Kind.REFUSED, "registry " + host() + " answered with " + cause.getMessage(), cause);
    }
    if (cause instanceof ConnectException) {
      return new RegistryException(
          Kind.UNREACHABLE, "registry " + host() + " refuses connections: is it running?", cause);
    }
    return new RegistryException(
        Kind.UNREACHABLE, "registry " + host() + " did not answer: " + cause.getMessage(), cause);
  }

  private void expect(HttpResponse<?> answer, int status, String what) throws RegistryException {
    int got = answer.statusCode();
    if (got == status) {
      return;
    }
    Kind kind =
        switch (got) {
          case 401, 403 -> Kind.UNAUTHORIZED;
          case 404 -> Kind.NOT_FOUND;
          case 429 -> Kind.BUSY;
          default -> got >= 500 ? Kind.BUSY : got >= 400 ? Kind.REFUSED : Kind.BROKEN;
        };
    throw new RegistryException(kind, "registry " + host() + " answered " + got + " to " + what);
  }

  private static String manifestPath(String repository, String reference) {
    return "/v2/" + repository + "/manifests/" + reference;
  }

  private static String blobPath(String repository, String digest) {
    return "/v2/" + repository + "/blobs/" + digest;
  }

  private static String uploadPath(String repository) {
    return "/v2/" + repository + "/blobs/uploads/";
  }

  private static String encode(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }

  private static void closeQuietly(@Nullable InputStream body) {
    try {
      if (body != null) {
        body.close();
      }
    } catch (IOException e) {
      // the answer was an error already; its unread rest is of no interest
      return;
    }
  }
}
