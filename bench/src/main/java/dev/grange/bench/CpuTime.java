package dev.grange.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * CPU time as the kernel counts it (proc(5), /proc/PID/stat): of a process, and of its children
 * that have ended and were waited for. Summed over a tree of processes, nothing is lost when one of
 * them ends: its time goes to its parent's account.
 */
final class CpuTime {
  private static final double TICKS = Double.parseDouble(Overhead.environment("BENCH_TICKS"));

  private CpuTime() {}

  /**
   * One process.
   *
   * @param own seconds of CPU time
   * @param ended seconds of its children that have ended
   */
  record Process(long pid, long parent, String command, double own, double ended) {
    double all() {
      return own + ended;
    }
  }

  /** The time of all children of this JVM that have ended. */
  static double ofEndedChildren() throws IOException {
    return read(Path.of("/proc/self")).ended();
  }

  /** A process and all that descend from it, parents first. */
  static List<Process> tree(long root) throws IOException {
    Map<Long, List<Process>> children = new HashMap<>();
    List<Process> tree = new ArrayList<>();
    try (DirectoryStream<Path> all = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
      for (Path folder : all) {
        try {
          Process process = read(folder);
          children.computeIfAbsent(process.parent(), _ -> new ArrayList<>()).add(process);
          if (process.pid() == root) {
            tree.add(process);
          }
        } catch (IOException e) {
          continue; // it has ended meanwhile
        }
      }
    }
    for (int i = 0; i < tree.size(); i++) {
      tree.addAll(children.getOrDefault(tree.get(i).pid(), List.of()));
    }
    return tree;
  }

  private static Process read(Path folder) throws IOException {
    String stat = Files.readString(folder.resolve("stat"), StandardCharsets.ISO_8859_1);
    String command =
        Files.readString(folder.resolve("cmdline"), StandardCharsets.ISO_8859_1).replace('\0', ' ');
    // the name in field 2 may hold anything: count from its closing parenthesis, before field 3
    String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
    return new Process(
        Long.parseLong(stat.substring(0, stat.indexOf(' '))),
        Long.parseLong(fields[1]),
        command,
        (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) / TICKS,
        (Long.parseLong(fields[13]) + Long.parseLong(fields[14])) / TICKS);
  }
}
