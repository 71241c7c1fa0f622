package dev.grange.scheduler.cluster.kubernetes;

import dev.grange.domain.build.Reason;
import dev.grange.domain.worker.PodWait;
import dev.grange.scheduler.cluster.ClusterException;
import dev.grange.scheduler.cluster.ClusterGateway;
import dev.grange.scheduler.cluster.ClusterReport;
import dev.grange.scheduler.cluster.LogChunk;
import dev.grange.scheduler.cluster.PodRequest;
import dev.grange.scheduler.cluster.PodView;
import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.ListOptionsBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodList;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.Watch;
import io.fabric8.kubernetes.client.Watcher;
import io.fabric8.kubernetes.client.WatcherException;
import io.fabric8.kubernetes.client.dsl.FilterWatchListDeletable;
import io.fabric8.kubernetes.client.dsl.PodResource;
import io.fabric8.kubernetes.client.http.HttpResponse;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * A namespace of a Kubernetes cluster.
 *
 * <p>One thread lists the farm's pods, watches them for a while, and lists them again; what is
 * asked about pods is answered from what it saw. An attempt costs three calls and a part of one:
 * create its pod, create the pod's Secret, follow the log, and delete the pod together with others.
 *
 * <p>The pod is created first, since it cannot start without its Secret; the Secret belongs to it
 * and goes when it goes. Whoever dies in between leaves a pod that waits, and both creates are
 * asked for again by whoever comes next.
 */
public final class KubernetesCluster implements ClusterGateway, AutoCloseable {
  private static final Logger LOG = Logger.getLogger(KubernetesCluster.class);

  /** How long one watch lasts; what it has missed is found by the list after it. */
  private static final Duration WATCH = Duration.ofSeconds(20);

  /** What was seen longer ago says nothing about now. */
  private static final Duration STALE = Duration.ofSeconds(45);

  private static final Duration FIRST_LOOK = Duration.ofSeconds(20);
  private static final Duration FIRST_PAUSE = Duration.ofMillis(500);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(10);
  private static final Duration LOG_PAUSE = Duration.ofSeconds(1);
  private static final Duration STATUS_LATE = Duration.ofSeconds(5);

  /**
   * A stream in which nothing came for so long is opened again from where it stopped: its other end
   * may be gone without a word.
   */
  static final Duration LOG_SILENT = Duration.ofMinutes(1);

  /**
   * The same when the container has ended: what is left of its log is not waited for much longer.
   */
  static final Duration LOG_SILENT_ENDED = Duration.ofSeconds(8);

  /** So long a check may need its probe pods. */
  private static final Duration PROBING = Duration.ofMinutes(5);

  private static final Duration REMOVAL = Duration.ofSeconds(60);

  /**
   * How long ended pods are gathered before one call deletes them. They cost their node nothing but
   * a name; the longer, the fewer calls.
   */
  private static final Duration GATHER = Duration.ofSeconds(20);

  /** So many are deleted at once, before the time is over. Their Secrets count against a quota. */
  private static final int GATHER_MOST = 20;

  /** A log that was read to its end and will not grow, or that is gone. */
  private static final String NO_MORE = "end";

  private final String name;
  private final String farm;
  private final KubernetesConfig config;
  private final Credential credential;
  private final Clock clock;
  private final Outside outside;
  private final PodCache cache;
  private final Map<String, LogReader> logs = new ConcurrentHashMap<>();
  private final Set<String> secretMade = ConcurrentHashMap.newKeySet();

  /** Ended pods that are to be deleted, with when they were added. */
  private final Map<String, Long> discarded = new ConcurrentHashMap<>();

  /** Whether the Role allows to delete several at once; one of an earlier release does not. */
  private volatile boolean collects = true;

  private final CountDownLatch seen = new CountDownLatch(1);
  private volatile Map<String, String> features;
  private volatile Consumer<String> listener = _ -> {};
  private volatile @Nullable KubernetesClient client;
  private volatile String problem = "it was not asked yet";
  private volatile long lastSeen;

  /** A call has failed that was not the observer's, and no create has worked since. */
  private volatile boolean erred;

  private volatile boolean closed;
  private final Thread observer;

  /** What a cluster needs of the farm around it. */
  public interface Outside {
    /** It answers; called when that is news. */
    void reached();

    /**
     * It did not answer, or not as it should.
     *
     * @param why for operators: without secrets
     */
    void failed(String why);

    /** {@code host:port} of everything that workers must reach. */
    List<String> addresses();
  }

  /**
   * A cluster that is observed from now on.
   *
   * @param config the column of that name
   * @param features that an earlier check has found
   * @param farm selects the pods: another farm may use the same namespace
   * @throws IllegalArgumentException if the configuration lacks something, in words for operators
   */
  public KubernetesCluster(
      String name,
      String config,
      Map<String, String> features,
      String farm,
      Clock clock,
      Outside outside) {
    this.name = name;
    this.farm = PodRendering.label(farm);
    this.config = KubernetesConfig.parse(config);
    this.credential = new Credential(this.config);
    this.features = Map.copyOf(features);
    this.clock = clock;
    this.outside = outside;
    this.cache = new PodCache(clock);
    this.observer = Thread.ofVirtual().name("cluster-" + name).start(this::observe);
  }

  @Override
  public String ensure(PodRequest request) throws ClusterException {
    Pod pod = cache.get(request.podName()).map(PodCache.Seen::pod).orElse(null);
    if (pod == null) {
      pod = create(request);
    }
    String uid = pod.getMetadata().getUid();
    if (!PodReading.hasBegun(pod) && !secretMade.contains(uid) && createSecret(request, uid)) {
      secretMade.add(uid);
    }
    return uid;
  }

  private Pod create(PodRequest request) throws ClusterException {
    Pod wanted = new PodRendering(config, features).pod(request);
    Pod pod =
        create(
            "the pod",
            client -> client.pods().inNamespace(config.namespace()).resource(wanted).create(),
            conflict -> adopt(request, conflict));
    cache.put(pod);
    return pod;
  }

  /** The name is taken: by an earlier try whose answer was lost, or by what is still ending. */
  private Optional<Pod> adopt(PodRequest request, KubernetesClientException conflict)
      throws ClusterException {
    Pod there = get(request.podName());
    if (there == null || cache.isRemoved(there.getMetadata().getUid())) {
      return Optional.empty();
    }
    Map<String, String> labels = PodRendering.labels(request.labels());
    Map<String, String> found = there.getMetadata().getLabels();
    if (found == null
        || !farm.equals(found.get(PodRequest.FARM))
        || !Objects.equals(labels.get(PodRequest.ATTEMPT), found.get(PodRequest.ATTEMPT))) {
      throw new ClusterException(
          Reason.CLUSTER_REFUSED,
          "there is a pod " + request.podName() + " that is not this attempt's",
          conflict);
    }
    return Optional.of(there);
  }

  /**
   * Makes the pod's Secret.
   *
   * @return false when one of that name is there and it cannot be seen whose: it is asked for again
   */
  private boolean createSecret(PodRequest request, String uid) throws ClusterException {
    Secret wanted = new PodRendering(config, features).secret(request, uid);
    return create(
        "the pod's Secret",
        client -> {
          var _ = client.secrets().inNamespace(config.namespace()).resource(wanted).create();
          return true;
        },
        _ ->
            switch (owner(request.podName(), uid)) {
              case OURS -> Optional.of(true);
              case UNKNOWN -> Optional.of(false);
              // of an earlier pod of that name: it goes with that one, a moment later
              case ANOTHERS -> Optional.empty();
            });
  }

  /** What is done about a name that is taken; empty: wait until it is free. */
  private interface Adoption<T> {
    Optional<T> of(KubernetesClientException conflict) throws ClusterException;
  }

  private <T> T create(String what, Call<T> create, Adoption<T> adoption) throws ClusterException {
    long until = System.nanoTime() + REMOVAL.toNanos();
    while (true) {
      try {
        T made = call(create);
        answered();
        return made;
      } catch (KubernetesClientException e) {
        if (e.getCode() != 409) {
          throw failure("cannot create " + what, e);
        }
        Optional<T> there = adoption.of(e);
        if (there.isPresent()) {
          answered();
          return there.get();
        }
        if (System.nanoTime() > until) {
          throw failure("what had the name of " + what + " before does not go away", e);
        }
      }
      pause(Duration.ofMillis(300));
    }
  }

  /** The observer, whose lists may have worked all the time, would not say so. */
  private void answered() {
    if (erred) {
      erred = false;
      problem = "";
      outside.reached();
    }
  }

  private enum Owner {
    OURS,
    ANOTHERS,
    /** The Role that the farm asks for does not let it read Secrets. */
    UNKNOWN
  }

  private Owner owner(String podName, String uid) throws ClusterException {
    try {
      Secret there =
          call(client -> client.secrets().inNamespace(config.namespace()).withName(podName).get());
      return there != null
              && there.getMetadata().getOwnerReferences().stream()
                  .anyMatch(owner -> owner.getUid().equals(uid))
          ? Owner.OURS
          : Owner.ANOTHERS;
    } catch (KubernetesClientException e) {
      if (e.getCode() == 403) {
        return Owner.UNKNOWN;
      }
      throw failure("cannot read the pod's Secret", e);
    }
  }

  /** Null when there is none. */
  private @Nullable Pod get(String podName) throws ClusterException {
    try {
      return call(client -> client.pods().inNamespace(config.namespace()).withName(podName).get());
    } catch (KubernetesClientException e) {
      throw failure("cannot read pod " + podName, e);
    }
  }

  @Override
  public Optional<PodView> see(String podName) throws ClusterException {
    requireFresh();
    PodCache.Seen pod = cache.get(podName).orElse(null);
    if (pod == null) {
      // so much follows from its absence that it is asked for by name
      Pod there = get(podName);
      if (there == null || cache.isRemoved(there.getMetadata().getUid())) {
        return Optional.empty();
      }
      cache.put(there);
      pod = cache.get(podName).orElse(null);
      if (pod == null) {
        return Optional.empty();
      }
    }
    String uid = pod.uid();
    return Optional.of(PodReading.view(pod, clock.instant(), () -> warning(uid)));
  }

  /** The pod's newest event, if that is a warning: what came later has got over it. */
  private Optional<PodWait.Event> warning(String uid) {
    try {
      return call(
              client ->
                  client
                      .v1()
                      .events()
                      .inNamespace(config.namespace())
                      .withField("involvedObject.uid", uid)
                      .list())
          .getItems()
          .stream()
          .max(Comparator.comparing(KubernetesCluster::time))
          .filter(event -> "Warning".equals(event.getType()))
          .map(
              event ->
                  new PodWait.Event(
                      String.valueOf(event.getReason()),
                      Objects.requireNonNullElse(event.getMessage(), "")));
    } catch (KubernetesClientException | ClusterException e) {
      LOG.debugf("cluster %s: events of %s: %s", name, uid, e.getMessage());
      return Optional.empty();
    }
  }

  /** When it last happened. The kubelet fills the first of these, the scheduler the second. */
  private static Instant time(Event event) {
    String time = event.getLastTimestamp();
    if (time == null && event.getEventTime() != null) {
      time = event.getEventTime().getTime();
    }
    try {
      return time == null ? Instant.EPOCH : OffsetDateTime.parse(time).toInstant();
    } catch (DateTimeParseException e) {
      return Instant.EPOCH;
    }
  }

  @Override
  public LogChunk log(String podName, String position, int limit) throws ClusterException {
    if (position.equals(NO_MORE)) {
      return new LogChunk(new byte[0], NO_MORE, true);
    }
    requireFresh();
    PodCache.Seen pod = cache.get(podName).orElse(null);
    if (pod == null) {
      return new LogChunk(new byte[0], position, true);
    }
    LogReader reader =
        logs.compute(
            podName,
            (_, before) -> {
              LogPosition start = LogPosition.parse(position);
              if (before != null && before.log().taken().equals(start)) {
                return before;
              }
              if (before != null) {
                before.log().close();
              }
              boolean begun = PodReading.hasBegun(pod.pod());
              return begun || pod.gone() ? read(podName, start) : null;
            });
    if (reader == null) {
      return new LogChunk(new byte[0], position, PodReading.hasEnded(pod.pod()));
    }
    LogChunk chunk = reader.log().take(limit);
    PodLog.End end = reader.log().end();
    Instant now = clock.instant();
    if (chunk.bytes().length > 0) {
      logs.replace(podName, reader, new LogReader(reader.log(), now));
      return chunk;
    }
    boolean ended = pod.gone() || PodReading.hasEnded(pod.pod());
    if (end == PodLog.End.CLEAN && ended) {
      return new LogChunk(new byte[0], chunk.position(), true);
    }
    // a kubelet that has just started does not know the logs of what runs
    if ((end == PodLog.End.GONE && ended) || (end == PodLog.End.BROKEN && pod.gone())) {
      logs.remove(podName, reader);
      return new LogChunk(PodLog.GAP.getBytes(StandardCharsets.UTF_8), NO_MORE, true);
    }
    // Silent, broken, or at an end that is none: from where it stopped. Whether a container has
    // ended is heard of a little later than the end of its log.
    Duration pause =
        switch (end) {
          case null -> ended ? LOG_SILENT_ENDED : LOG_SILENT;
          case CLEAN -> STATUS_LATE;
          case GONE, BROKEN -> LOG_PAUSE;
        };
    if (reader.heard().plus(pause).isBefore(now)) {
      logs.remove(podName, reader);
      reader.log().close();
    }
    return chunk;
  }

  /**
   * A stream that is read.
   *
   * @param heard when something last came of it, or it was opened
   */
  private record LogReader(PodLog log, Instant heard) {}

  private LogReader read(String podName, LogPosition start) {
    PodLog log =
        new PodLog(podName, start, since -> open(podName, since), () -> listener.accept(podName));
    return new LogReader(log, clock.instant());
  }

  private InputStream open(String podName, @Nullable Instant since) throws IOException {
    KubernetesClient now = client;
    if (now == null) {
      throw new IOException(problem);
    }
    String url =
        String.valueOf(now.getMasterUrl()).replaceAll("/+$", "")
            + "/api/v1/namespaces/"
            + config.namespace()
            + "/pods/"
            + podName
            + "/log?follow=true&timestamps=true&container="
            + PodRendering.CONTAINER
            + (since == null
                ? ""
                : "&sinceTime=" + URLEncoder.encode(since.toString(), StandardCharsets.UTF_8));
    var http = now.getHttpClient();
    try {
      HttpResponse<InputStream> response =
          http.sendAsync(
                  http.newHttpRequestBuilder().uri(url).forStreaming().build(), InputStream.class)
              .get(15, TimeUnit.SECONDS);
      if (response.code() == 200) {
        return response.body();
      }
      String said;
      try (InputStream body = response.body()) {
        said = new String(body.readNBytes(500), StandardCharsets.UTF_8).strip();
      }
      if (response.code() == 404) {
        throw new FileNotFoundException(said);
      }
      throw new IOException(response.code() + " " + said);
    } catch (ExecutionException e) {
      throw new IOException(String.valueOf(e.getCause()), e);
    } catch (TimeoutException e) {
      throw new IOException("no answer within 15 s", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  @Override
  public void stop(String podName, Duration grace) throws ClusterException {
    PodCache.Seen pod = cache.get(podName).orElse(null);
    if (pod == null
        || pod.gone()
        || PodReading.hasEnded(pod.pod())
        || pod.pod().getMetadata().getDeletionTimestamp() != null) {
      return;
    }
    // there is no other way to tell a worker to end: its last words are in the last that is seen
    delete(podName, Math.max(1, grace.toSeconds()));
  }

  @Override
  public void remove(String podName) throws ClusterException {
    PodCache.Seen pod = cache.get(podName).orElse(null);
    if (pod == null || !pod.gone()) {
      delete(podName, pod != null && PodReading.hasEnded(pod.pod()) ? 0 : 1);
    }
    forget(podName);
  }

  private void forget(String podName) {
    discarded.remove(podName);
    LogReader reader = logs.remove(podName);
    if (reader != null) {
      reader.log().close();
    }
    cache.get(podName).ifPresent(pod -> secretMade.remove(pod.uid()));
    cache.remove(podName);
  }

  @Override
  public void discard(String podName) throws ClusterException {
    PodCache.Seen pod = cache.get(podName).orElse(null);
    if (!collects || pod == null || pod.gone() || !PodReading.hasEnded(pod.pod())) {
      remove(podName);
      return;
    }
    Long _ = discarded.putIfAbsent(podName, System.nanoTime());
  }

  /** Deletes what was discarded, if there is enough of it or it has waited for long. */
  private void deleteDiscarded() {
    long now = System.nanoTime();
    boolean due =
        discarded.size() >= GATHER_MOST
            || discarded.values().stream().anyMatch(at -> now - at >= GATHER.toNanos());
    if (due) {
      deleteAllDiscarded();
    }
  }

  /**
   * Deletes what was discarded by one call for each {@value #GATHER_MOST}. What cannot be deleted
   * is no longer called discarded: it is among {@link #pods} again, and swept.
   */
  private void deleteAllDiscarded() {
    List<String> waiting = List.copyOf(discarded.keySet());
    for (int from = 0; from < waiting.size(); from += GATHER_MOST) {
      List<String> some = waiting.subList(from, Math.min(waiting.size(), from + GATHER_MOST));
      try {
        deleteTogether(some);
      } catch (KubernetesClientException | ClusterException e) {
        LOG.warnf("cluster %s: ended pods are removed later: %s", name, describe(e));
        some.forEach(discarded::remove);
      }
    }
  }

  private void deleteTogether(List<String> pods) throws ClusterException {
    String[] attempts =
        pods.stream()
            .flatMap(pod -> cache.get(pod).stream())
            .map(seen -> seen.pod().getMetadata().getLabels().get(PodRequest.ATTEMPT))
            .filter(Objects::nonNull)
            .toArray(String[]::new);
    if (attempts.length == pods.size()) {
      try {
        var _ =
            call(
                client ->
                    pods(client)
                        .withLabelIn(PodRequest.ATTEMPT, attempts)
                        .withGracePeriod(0)
                        .delete());
        pods.forEach(this::forget);
        return;
      } catch (KubernetesClientException e) {
        if (e.getCode() != 403) {
          throw e;
        }
        collects = false;
        LOG.warnf(
            "cluster %s: its Role does not allow to delete pods together (%s): each is deleted by"
                + " itself until 20-role.yaml is applied and the cluster is checked",
            name, describe(e));
      }
    }
    for (String pod : pods) {
      remove(pod);
    }
  }

  private void delete(String podName, long grace) throws ClusterException {
    try {
      var _ =
          call(
              client ->
                  client
                      .pods()
                      .inNamespace(config.namespace())
                      .withName(podName)
                      .withGracePeriod(grace)
                      .delete());
    } catch (KubernetesClientException e) {
      if (e.getCode() != 404) {
        throw failure("cannot delete pod " + podName, e);
      }
    }
  }

  @Override
  public List<String> pods() throws ClusterException {
    requireFresh();
    Instant running = clock.instant().minus(PROBING);
    return cache.names().stream()
        .filter(pod -> !discarded.containsKey(pod))
        .filter(
            pod ->
                cache
                    .get(pod)
                    .filter(
                        seen ->
                            seen.firstSeen().isBefore(running)
                                || !PodRendering.PROBE.equals(
                                    seen.pod().getMetadata().getLabels().get(PodRequest.KIND)))
                    .isPresent())
        .toList();
  }

  @Override
  public void watch(Consumer<String> listener) {
    this.listener = listener;
  }

  @Override
  public Duration keepFailed() {
    return Duration.ofSeconds(config.keepFailedSeconds());
  }

  @Override
  public boolean startsAtOnce() {
    return false;
  }

  @Override
  public ClusterReport check(Consumer<ClusterReport.Finding> found) {
    ClusterReport report =
        new ClusterCheck(name, farm, config, credential, outside.addresses(), found).run();
    if (report.ok()) {
      collects = true;
      features = report.features();
    }
    return report;
  }

  @Override
  public void close() {
    closed = true;
    observer.interrupt();
    if (answers()) {
      deleteAllDiscarded();
    }
    logs.values().forEach(reader -> reader.log().close());
    KubernetesClient last = client;
    if (last != null) {
      last.close();
    }
  }

  private interface Call<T> {
    T on(KubernetesClient client);
  }

  /** Fails with {@link KubernetesClientException} as the library does. */
  private <T> T call(Call<T> call) throws ClusterException {
    KubernetesClient now = client;
    if (now == null) {
      await();
      now = client;
    }
    if (now == null) {
      throw new ClusterException(
          Reason.CLUSTER_UNREACHABLE, "cluster " + name + ": " + problem, new IOException(problem));
    }
    return call.on(now);
  }

  private ClusterException failure(String what, KubernetesClientException e) {
    String why = describe(e);
    int code = e.getCode();
    boolean refused = code == 400 || code == 403 || code == 404 || code == 409 || code == 422;
    if (!refused) {
      problem = why;
      erred = true;
      outside.failed(why);
    }
    return new ClusterException(
        refused ? Reason.CLUSTER_REFUSED : Reason.CLUSTER_UNREACHABLE,
        "cluster " + name + ": " + what + ": " + why,
        e);
  }

  /** In words, without what was sent. */
  static String describe(Throwable e) {
    if (e instanceof KubernetesClientException api && api.getStatus() != null) {
      return api.getCode() + " " + api.getStatus().getMessage();
    }
    Throwable cause = e;
    while (cause.getCause() != null) {
      cause = cause.getCause();
    }
    String message = cause.getMessage();
    return message == null || message.isBlank() ? cause.getClass().getSimpleName() : message;
  }

  /** Whether it answered when it was asked last. */
  public boolean answers() {
    return isFresh() && problem.isEmpty();
  }

  private boolean isFresh() {
    return seen.getCount() == 0 && System.nanoTime() - lastSeen <= STALE.toNanos();
  }

  /** Whether all that it was last asked for has worked, as far as this scheduler knows. */
  public boolean isWell() {
    return answers() && !erred;
  }

  private void requireFresh() throws ClusterException {
    await();
    if (!isFresh()) {
      throw new ClusterException(
          Reason.CLUSTER_UNREACHABLE,
          "cluster " + name + " cannot be reached: " + problem,
          new IOException(problem));
    }
  }

  /** A moment, when it was never seen: at the start everybody asks at once. */
  private void await() throws ClusterException {
    try {
      boolean _ = seen.await(FIRST_LOOK.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ClusterException(Reason.CLUSTER_UNREACHABLE, "interrupted", e);
    }
  }

  private static void pause(Duration time) throws ClusterException {
    try {
      TimeUnit.MILLISECONDS.sleep(time.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ClusterException(Reason.CLUSTER_UNREACHABLE, "interrupted", e);
    }
  }

  /** Lists, watches for a while, and lists again, as long as the gateway is there. */
  private void observe() {
    boolean troubled = true;
    Duration pause = FIRST_PAUSE;
    while (!closed) {
      try {
        KubernetesClient now = current();
        PodList list = pods(now).list();
        Set<String> changed =
            cache.replace(
                list.getItems(), PodCache.version(list.getMetadata().getResourceVersion()));
        lastSeen = System.nanoTime();
        problem = "";
        seen.countDown();
        if (troubled) {
          outside.reached();
          troubled = false;
        }
        pause = FIRST_PAUSE;
        changed.forEach(listener);
        follow(now, list.getMetadata().getResourceVersion());
      } catch (VirtualMachineError e) {
        // as in every loop: whoever started this process starts another one
        Runtime.getRuntime().halt(1);
      } catch (IOException | RuntimeException | LinkageError | AssertionError e) {
        if (closed) {
          return;
        }
        troubled = true;
        problem = describe(e);
        outside.failed(problem);
        if (e instanceof KubernetesClientException api && api.getCode() == 401) {
          forgetClient();
        }
        try {
          TimeUnit.MILLISECONDS.sleep(pause.toMillis());
        } catch (InterruptedException _) {
          return;
        }
        pause = pause.multipliedBy(2);
        if (pause.compareTo(LONGEST_PAUSE) > 0) {
          pause = LONGEST_PAUSE;
        }
      } catch (InterruptedException _) {
        return;
      }
    }
  }

  private FilterWatchListDeletable<Pod, PodList, PodResource> pods(KubernetesClient now) {
    return now.pods().inNamespace(config.namespace()).withLabel(PodRequest.FARM, farm);
  }

  private void follow(KubernetesClient now, String version)
      throws InterruptedException, IOException {
    CountDownLatch over = new CountDownLatch(1);
    Watcher<Pod> watcher =
        new Watcher<>() {
          @Override
          public void eventReceived(Action action, Pod pod) {
            switch (action) {
              case ADDED, MODIFIED -> cache.put(pod);
              case DELETED -> cache.gone(pod);
              case BOOKMARK -> {
                return;
              }
              case ERROR -> {
                over.countDown();
                return;
              }
            }
            listener.accept(pod.getMetadata().getName());
          }

          @Override
          public void onClose(WatcherException cause) {
            over.countDown();
          }

          @Override
          public void onClose() {
            over.countDown();
          }
        };
    try (Watch _ =
        pods(now)
            .watch(
                new ListOptionsBuilder()
                    .withResourceVersion(version)
                    .withTimeoutSeconds(WATCH.toSeconds() + 10)
                    .build(),
                watcher)) {
      long until = System.nanoTime() + WATCH.toNanos();
      while (System.nanoTime() < until && !closed) {
        if (over.await(1, TimeUnit.SECONDS)) {
          // not at once: an API server that ends every watch is asked once a second
          TimeUnit.SECONDS.sleep(1);
          return;
        }
        if (credential.hasChanged()) {
          return;
        }
        deleteDiscarded();
      }
    }
  }

  /** The client, made anew when a file of its credential has changed. */
  private KubernetesClient current() throws IOException {
    KubernetesClient now = client;
    if (now != null && !credential.hasChanged()) {
      return now;
    }
    KubernetesClient made = new KubernetesClientBuilder().withConfig(credential.load()).build();
    client = made;
    if (now != null) {
      LOG.infof("cluster %s: its credential has changed and was read again", name);
      now.close();
    }
    return made;
  }

  private void forgetClient() {
    KubernetesClient now = client;
    client = null;
    if (now != null) {
      now.close();
    }
  }
}
