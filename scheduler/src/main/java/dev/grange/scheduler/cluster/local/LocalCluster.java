package dev.grange.scheduler.cluster.local;

import dev.grange.domain.build.Reason;
import dev.grange.domain.worker.Job;
import dev.grange.scheduler.cluster.ClusterException;
import dev.grange.scheduler.cluster.ClusterGateway;
import dev.grange.scheduler.cluster.ClusterReport;
import dev.grange.scheduler.cluster.ClusterReport.Finding;
import dev.grange.scheduler.cluster.ClusterReport.Status;
import dev.grange.scheduler.cluster.JobFields;
import dev.grange.scheduler.cluster.JobJson;
import dev.grange.scheduler.cluster.LogChunk;
import dev.grange.scheduler.cluster.PodRequest;
import dev.grange.scheduler.cluster.PodView;
import dev.grange.scheduler.cluster.PodView.Phase;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.ClosedWatchServiceException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * A pod of this kind is a folder and the process that works in it.
 *
 * <p>The folder is made beside its place and renamed into it, so it is there whole or not at all,
 * and with it the UID. {@code grange-local-run} starts a folder's worker once, however often and by
 * however many schedulers it is called: a lock keeps two from running at the same time, a marker
 * keeps a second from running after the first. The worker outlives whoever started it; the next
 * scheduler finds the folder.
 *
 * <p>A process is told from a later one with the same number by its start time (proc(5),
 * /proc/PID/stat, field 22).
 */
public final class LocalCluster implements ClusterGateway, AutoCloseable {
  private static final Logger LOG = Logger.getLogger(LocalCluster.class);
  private static final String PREFIX = "grange-";
  private static final String DRAFT = ".draft-";

  /** One of them is the attempt's credential. */
  private static final Set<PosixFilePermission> OWNER_ONLY =
      PosixFilePermissions.fromString("rw-------");

  private static final Duration OLD = Duration.ofMinutes(10);
  private static final int MAX_RESULT_BYTES = 4096;
  private static final Duration LOG_GATHER = Duration.ofMillis(500);

  /** Files whose appearance is a step of the worker's life; an overflow of events may hide one. */
  private static final Set<String> STEPS = Set.of("pid", "started", "exit", "null");

  private static final String MACHINE = "machine";

  /** The machine that all its workers run on. */
  static final @Nullable String NODE = hostName();

  private static final byte[] NOTHING = {};

  /** What {@code grange-local-run --delete} exits with while the worker runs. */
  private static final int STILL_IN_USE = 75;

  private final Path directory;
  private final Path workerBin;
  private final BuildahVersion buildah = new BuildahVersion();
  private final Supplier<String> uids;
  private final Clock clock;
  private final @Nullable WatchService watcher;
  private final Map<WatchKey, String> watched = new ConcurrentHashMap<>();
  private final Map<String, WatchKey> keys = new ConcurrentHashMap<>();
  private final Set<String> growing = ConcurrentHashMap.newKeySet();

  /** What does not change once it is there, by pod. */
  private final Map<String, String> knownUids = new ConcurrentHashMap<>();

  private final Map<String, ProcessId> knownProcesses = new ConcurrentHashMap<>();
  private volatile Consumer<String> listener = _ -> {};

  /**
   * A cluster of this machine.
   *
   * @param directory holds one folder for each pod; made if it is missing
   */
  public LocalCluster(Path directory, Path workerBin, Supplier<String> uids, Clock clock)
      throws IOException {
    this.directory = directory.toAbsolutePath();
    this.workerBin = workerBin.toAbsolutePath();
    this.uids = uids;
    this.clock = clock;
    Files.createDirectories(
        this.directory,
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    this.watcher = newWatcher();
    if (watcher != null) {
      Thread.ofPlatform().daemon().name("local-watch").start(this::watchLoop);
    }
  }

  /**
   * Watches are a shortcut; without them (the user's inotify limit is reached) the periodic look
   * finds everything, later.
   */
  private @Nullable WatchService newWatcher() {
    try {
      return directory.getFileSystem().newWatchService();
    } catch (IOException e) {
      LOG.warnf(
          "cannot watch %s, falling back to looking now and then: %s", directory, e.getMessage());
      return null;
    }
  }

  @Override
  public String ensure(PodRequest request) throws ClusterException {
    String podName = request.podName();
    Path pod = directory.resolve(podName);
    try {
      if (!Files.exists(pod)) {
        create(pod, request.job());
      }
      watch(podName, pod);
      if (!Files.exists(pod.resolve("started"))) {
        start(pod);
      }
      return uid(pod);
    } catch (IOException e) {
      throw new ClusterException(
          Reason.DISK_FULL, "cannot prepare the worker's folder: " + e.getMessage(), e);
    }
  }

  private void create(Path pod, Job job) throws IOException {
    Path draft = Files.createTempDirectory(directory, DRAFT);
    try {
      Path files = Files.createDirectory(draft.resolve("files"));
      for (Map.Entry<String, String> file : job.files().entrySet()) {
        Path target = files.resolve(file.getKey());
        Files.createFile(target, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
        Files.writeString(target, file.getValue());
      }
      Files.writeString(draft.resolve("job.json"), JobJson.write(job));
      Optional<String> fields = JobFields.write(job);
      if (fields.isPresent()) {
        Files.writeString(draft.resolve("job.fields"), fields.get());
      }
      Files.writeString(draft.resolve("uid.request"), uids.get());
      Files.move(draft, pod, StandardCopyOption.ATOMIC_MOVE);
    } catch (FileSystemException e) {
      // rename(2) onto a folder that is not empty: another scheduler was faster
      if (!Files.exists(pod)) {
        throw e;
      }
    } finally {
      delete(draft);
    }
  }

  private void start(Path pod) throws IOException {
    ProcessBuilder builder =
        // in a session of its own from the start: grange-local-run would start itself anew for that
        new ProcessBuilder(
                "setsid",
                "--wait",
                workerBin.resolve("grange-local-run").toString(),
                pod.toString())
            .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
            .redirectOutput(ProcessBuilder.Redirect.appendTo(pod.resolve("runner.log").toFile()))
            .redirectErrorStream(true);
    buildah.get().ifPresent(v -> builder.environment().put("GRANGE_BUILDAH_VERSION", v));
    Process process = builder.start();
    String podName = pod.getFileName().toString();
    CompletableFuture<Void> _ = process.onExit().thenRun(() -> listener.accept(podName));
  }

  @Override
  public Optional<PodView> see(String podName) throws ClusterException {
    Path pod = directory.resolve(podName);
    try {
      if (!Files.exists(pod)) {
        return Optional.empty();
      }
      watch(podName, pod);
      String uid = uid(pod);
      // the process first and the exit status second: the other way round, a worker that ends in
      // between would look lost
      boolean begun = Files.exists(pod.resolve("started"));
      boolean alive = isAlive(pod);
      Optional<String> exit = read(pod.resolve("exit"), 16).filter(text -> !text.isBlank());
      if (exit.isPresent()) {
        return Optional.of(
            new PodView(
                uid,
                Phase.ENDED,
                exitStatus(exit.get()),
                read(pod.resolve("result.json"), MAX_RESULT_BYTES).orElse(null),
                NODE));
      }
      if (alive) {
        return Optional.of(new PodView(uid, Phase.RUNNING, null, null, NODE));
      }
      return Optional.of(new PodView(uid, begun ? Phase.LOST : Phase.WAITING, null, null, NODE));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (IOException e) {
      throw new ClusterException(
          Reason.CLUSTER_UNREACHABLE, "cannot read the worker's folder: " + e.getMessage(), e);
    }
  }

  @Override
  public LogChunk log(String podName, String position, int limit) throws ClusterException {
    // a position is the number of the next byte
    long offset = position.isEmpty() ? 0 : Long.parseLong(position);
    try (RandomAccessFile log =
        new RandomAccessFile(directory.resolve(podName).resolve("log").toFile(), "r")) {
      long length = log.length();
      if (length <= offset) {
        return new LogChunk(NOTHING, position, true);
      }
      byte[] bytes = new byte[(int) Math.min(limit, length - offset)];
      log.seek(offset);
      log.readFully(bytes);
      long next = offset + bytes.length;
      return new LogChunk(bytes, Long.toString(next), next == length);
    } catch (java.io.FileNotFoundException e) {
      return new LogChunk(NOTHING, position, true);
    } catch (IOException e) {
      throw new ClusterException(
          Reason.CLUSTER_UNREACHABLE, "cannot read the worker's log: " + e.getMessage(), e);
    }
  }

  @Override
  public void stop(String podName, Duration grace) throws ClusterException {
    Optional<ProcessHandle> worker = worker(podName);
    if (worker.isPresent()) {
      worker.get().destroy();
      Thread.ofVirtual().name("stop-" + podName).start(() -> killAfter(worker.get(), grace));
    }
  }

  /** The kernel ends everything in the worker's PID namespace with it. */
  private static void killAfter(ProcessHandle worker, Duration grace) {
    try {
      worker.onExit().get(grace.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      worker.destroyForcibly();
    } catch (ExecutionException e) {
      LOG.debugf("waiting for worker %d: %s", worker.pid(), e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void remove(String podName) throws ClusterException {
    WatchKey key = keys.remove(podName);
    if (key != null) {
      watched.remove(key);
      key.cancel();
    }
    Path pod = directory.resolve(podName);
    if (Files.exists(pod)) {
      worker(podName).ifPresent(ProcessHandle::destroyForcibly);
      delete(podName, pod);
    }
    knownUids.remove(podName);
    knownProcesses.remove(podName);
  }

  /**
   * The files may belong to other users, of a user namespace: the worker's script knows how to
   * remove them.
   */
  private void delete(String podName, Path pod) throws ClusterException {
    try {
      for (int tries = 1; ; tries++) {
        Process process =
            new ProcessBuilder(
                    workerBin.resolve("grange-local-run").toString(), "--delete", pod.toString())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        process.getOutputStream().close();
        int status = process.waitFor();
        if (status == 0) {
          return;
        }
        if (status != STILL_IN_USE || tries == 50) {
          throw new IOException("grange-local-run --delete ended with " + status);
        }
        // a killed worker's namespace takes a moment to end
        TimeUnit.MILLISECONDS.sleep(100);
      }
    } catch (IOException e) {
      throw new ClusterException(
          Reason.CLUSTER_UNREACHABLE, "cannot remove " + podName + ": " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ClusterException(
          Reason.CLUSTER_UNREACHABLE, "interrupted while removing " + podName, e);
    }
  }

  @Override
  public List<String> pods() throws ClusterException {
    List<String> pods = new ArrayList<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory, PREFIX + "*")) {
      entries.forEach(entry -> pods.add(entry.getFileName().toString()));
      sweepDrafts();
      return pods;
    } catch (IOException e) {
      throw new ClusterException(
          Reason.CLUSTER_UNREACHABLE, "cannot list the workers' folders: " + e.getMessage(), e);
    }
  }

  @Override
  public ClusterReport check(Consumer<Finding> found) {
    Optional<String> version = buildah.get();
    Map<String, String> features = version.map(v -> Map.of("buildah", v)).orElse(Map.of());
    Finding machine = machine();
    found.accept(machine);
    return ClusterReport.of(List.of(machine), features);
  }

  /** What the worker's script says of this machine. */
  private Finding machine() {
    try {
      Process process =
          new ProcessBuilder(workerBin.resolve("grange-local-run").toString(), "--check")
              .redirectErrorStream(true)
              .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
              .start();
      String said;
      try (var out = process.getInputStream()) {
        said = new String(out.readNBytes(4096), StandardCharsets.UTF_8).strip();
      }
      return process.waitFor() == 0
          ? new Finding(MACHINE, Status.OK, "this machine can run workers")
          : new Finding(
              MACHINE, Status.FAILED, said + "; install it on the scheduler's machine, then check");
    } catch (IOException e) {
      return new Finding(
          MACHINE,
          Status.FAILED,
          "cannot run grange-local-run: " + e.getMessage() + "; set GRANGE_LOCAL_WORKER_BIN");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return new Finding(MACHINE, Status.NOT_DONE, "interrupted; check again");
    }
  }

  @Override
  public void watch(Consumer<String> listener) {
    this.listener = listener;
  }

  @Override
  public void close() throws IOException {
    if (watcher != null) {
      watcher.close();
    }
  }

  private String uid(Path pod) throws IOException {
    String name = pod.getFileName().toString();
    String known = knownUids.get(name);
    if (known == null) {
      known = Files.readString(pod.resolve("uid.request")).strip();
      knownUids.put(name, known);
    }
    return known;
  }

  private static @Nullable Integer exitStatus(String text) {
    try {
      return Integer.valueOf(text.strip());
    } catch (NumberFormatException e) {
      return null;
    }
  }

  private static Optional<String> read(Path file, int limit) throws IOException {
    try (var in = Files.newInputStream(file)) {
      return Optional.of(new String(in.readNBytes(limit), StandardCharsets.UTF_8));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
  }

  /** The process that was started for the pod, if it still runs. */
  private Optional<ProcessHandle> worker(String podName) throws ClusterException {
    Path pod = directory.resolve(podName);
    try {
      return isAlive(pod)
          ? process(pod).flatMap(id -> ProcessHandle.of(id.pid()))
          : Optional.empty();
    } catch (IOException e) {
      throw new ClusterException(
          Reason.CLUSTER_UNREACHABLE, "cannot read the worker's folder: " + e.getMessage(), e);
    }
  }

  private record ProcessId(long pid, String startTime) {}

  private Optional<ProcessId> process(Path pod) throws IOException {
    String name = pod.getFileName().toString();
    ProcessId known = knownProcesses.get(name);
    if (known == null) {
      String[] words = read(pod.resolve("pid"), 64).orElse("").strip().split("\\s+", -1);
      if (words.length < 2) {
        return Optional.empty();
      }
      known = new ProcessId(Long.parseLong(words[0]), words[1]);
      knownProcesses.put(name, known);
    }
    return Optional.of(known);
  }

  private boolean isAlive(Path pod) throws IOException {
    Optional<ProcessId> process = process(pod);
    if (process.isEmpty()) {
      return false;
    }
    Optional<String> stat;
    try {
      stat = read(Path.of("/proc", Long.toString(process.get().pid()), "stat"), 4096);
    } catch (IOException e) {
      // ESRCH: it ended between the opening of the file and the reading
      return false;
    }
    if (stat.isEmpty()) {
      return false;
    }
    // the name in field 2 may hold spaces: count from the last parenthesis, after which field 3
    // comes
    String[] fields = stat.get().substring(stat.get().lastIndexOf(')') + 1).strip().split(" ", -1);
    return fields.length > 19
        && fields[19].equals(process.get().startTime())
        && !fields[0].equals("Z");
  }

  private void watch(String podName, Path pod) {
    if (watcher == null || keys.containsKey(podName)) {
      return;
    }
    try {
      WatchKey key =
          pod.register(
              watcher, StandardWatchEventKinds.ENTRY_CREATE, StandardWatchEventKinds.ENTRY_MODIFY);
      watched.put(key, podName);
      keys.put(podName, key);
    } catch (IOException e) {
      LOG.debugf("cannot watch %s: %s", pod, e.getMessage());
    }
  }

  private void watchLoop() {
    WatchService service = watcher;
    while (service != null) {
      try {
        WatchKey key = service.take();
        boolean stepped = key.pollEvents().stream().anyMatch(LocalCluster::isStep);
        key.reset();
        String pod = watched.get(key);
        if (pod != null && stepped) {
          listener.accept(pod);
        } else if (pod != null && growing.add(pod)) {
          Thread.ofVirtual().name("log-" + pod).start(() -> tellSoon(pod));
        }
      } catch (InterruptedException | ClosedWatchServiceException e) {
        return;
      }
    }
  }

  /** The worker has begun or ended. Anything else that changes in its folder means more log. */
  private static boolean isStep(WatchEvent<?> event) {
    return STEPS.contains(String.valueOf(event.context()));
  }

  /** A log that grows line by line is worth one look for many lines. */
  private void tellSoon(String pod) {
    try {
      // not waiting for something: what else is written in this time is told with it
      Thread.sleep(LOG_GATHER);
      growing.remove(pod);
      listener.accept(pod);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Drafts that a scheduler left when it died. */
  private void sweepDrafts() throws IOException {
    try (DirectoryStream<Path> drafts = Files.newDirectoryStream(directory, DRAFT + "*")) {
      for (Path draft : drafts) {
        if (Files.getLastModifiedTime(draft).toInstant().isBefore(clock.instant().minus(OLD))) {
          delete(draft);
        }
      }
    } catch (NoSuchFileException e) {
      // whoever made it has renamed it
      return;
    }
  }

  private static void delete(Path draft) throws IOException {
    if (!Files.exists(draft)) {
      return;
    }
    try (var all = Files.walk(draft)) {
      for (Path path : all.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    }
  }

  private static @Nullable String hostName() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      return null;
    }
  }
}
