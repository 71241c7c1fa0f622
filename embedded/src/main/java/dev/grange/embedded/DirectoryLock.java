package dev.grange.embedded;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.OptionalLong;
import java.util.Set;

/**
 * One owner for one directory, machine-wide. The kernel releases the lock when the owner dies,
 * however it dies; the process id in the file is for messages only.
 */
public final class DirectoryLock implements AutoCloseable {
  /**
   * A POSIX lock is lost as soon as the process closes <em>any</em> descriptor of the file, so this
   * JVM must not even open a file that it has locked already.
   */
  private static final Set<Path> HELD = new HashSet<>();

  private final Path file;
  private final FileChannel channel;

  private DirectoryLock(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /**
   * Takes {@code directory/lock}, without waiting.
   *
   * @throws InUseException if another process or another part of this one has it
   */
  public static DirectoryLock acquire(Path directory) throws IOException {
    Files.createDirectories(directory);
    Path file = directory.toRealPath().resolve("lock");
    synchronized (HELD) {
      if (HELD.contains(file)) {
        throw new InUseException(directory, ProcessHandle.current().pid());
      }
      FileChannel channel =
          FileChannel.open(
              file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
      try {
        FileLock lock = channel.tryLock();
        if (lock == null) {
          throw new InUseException(directory, holder(channel));
        }
        channel.truncate(0);
        channel.write(
            ByteBuffer.wrap(
                Long.toString(ProcessHandle.current().pid()).getBytes(StandardCharsets.US_ASCII)),
            0);
        HELD.add(file);
        return new DirectoryLock(file, channel);
      } catch (IOException | RuntimeException e) {
        channel.close();
        throw e;
      }
    }
  }

  /** The process that has the directory, if any; 0 for one that has not written its number yet. */
  public static OptionalLong owner(Path directory) throws IOException {
    Path file = directory.resolve("lock");
    if (!Files.exists(file)) {
      return OptionalLong.empty();
    }
    synchronized (HELD) {
      if (HELD.contains(file.toRealPath())) {
        return OptionalLong.of(ProcessHandle.current().pid());
      }
      try (FileChannel channel =
              FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
          FileLock lock = channel.tryLock()) {
        return lock == null ? OptionalLong.of(holder(channel)) : OptionalLong.empty();
      }
    }
  }

  private static long holder(FileChannel channel) throws IOException {
    ByteBuffer text = ByteBuffer.allocate(20);
    channel.read(text, 0);
    String digits = new String(text.array(), 0, text.position(), StandardCharsets.US_ASCII);
    return digits.matches("[0-9]{1,18}") ? Long.parseLong(digits) : 0;
  }

  @Override
  public void close() throws IOException {
    synchronized (HELD) {
      // A second close must not give away what somebody else has taken since.
      if (channel.isOpen()) {
        HELD.remove(file);
        channel.close();
      }
    }
  }

  /** Somebody else works in the directory. */
  public static final class InUseException extends IOException {
    private static final long serialVersionUID = 1;

    private final long pid;

    InUseException(Path directory, long pid) {
      super(directory + " is in use by process " + pid);
      this.pid = pid;
    }

    /** The owner's process id, or 0 if it has not written it yet. */
    public long pid() {
      return pid;
    }
  }
}
