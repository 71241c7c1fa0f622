package dev.grange.cli;

import dev.grange.cli.build.BuildCommand;
import dev.grange.cli.build.BuildsCommand;
import dev.grange.cli.build.EventsCommand;
import dev.grange.cli.cluster.ClustersCommand;
import dev.grange.cli.demo.DemoCommand;
import dev.grange.cli.farm.CommandFailure;
import dev.grange.cli.farm.ExitCode;
import dev.grange.cli.farm.Surroundings;
import dev.grange.cli.release.ReleasesCommand;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** The client's entry point. */
public final class Main {

  private Main() {}

  public static void main(String[] arguments) {
    // UTF-8 whatever the locale says: what we print is mostly other people's text, and CI has no
    // locale.
    Surroundings surroundings =
        new Surroundings(
            System.getenv(),
            Path.of("").toAbsolutePath(),
            System.in,
            new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8),
            new PrintStream(
                new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8));
    System.exit(run(surroundings, arguments));
  }

  /** Runs one command and returns its exit status. */
  public static int run(Surroundings surroundings, String... arguments) {
    int status = commandLine(surroundings, arguments).execute(arguments);
    surroundings.out().flush();
    surroundings.err().flush();
    return status;
  }

  /**
   * The command tree. A command that is named exactly is the only one in it: to read the
   * annotations of all the others would take longer than most commands.
   */
  static CommandLine commandLine(Surroundings surroundings, String... arguments) {
    Map<String, Supplier<Object>> commands = new LinkedHashMap<>();
    commands.put("build", () -> new BuildCommand(surroundings));
    commands.put("builds", () -> BuildsCommand.commandLine(surroundings, arguments));
    commands.put("clusters", () -> ClustersCommand.commandLine(surroundings, arguments));
    commands.put("releases", () -> ReleasesCommand.commandLine(surroundings));
    commands.put("events", () -> new EventsCommand(surroundings));
    commands.put("completion", () -> new CompletionCommand(surroundings));
    commands.put("version", () -> new VersionCommand(surroundings));
    commands.put("demo", () -> new DemoCommand(surroundings));
    commands.put("warm-up", WarmUpCommand::new);
    CommandLine commandLine = new CommandLine(new Grange());
    Supplier<Object> named = arguments.length == 0 ? null : commands.get(arguments[0]);
    if (named == null) {
      commands.values().forEach(command -> commandLine.addSubcommand(command.get()));
    } else {
      commandLine.addSubcommand(named.get());
    }
    return commandLine
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setOut(new PrintWriter(surroundings.out(), true, StandardCharsets.UTF_8))
        .setErr(new PrintWriter(surroundings.err(), true, StandardCharsets.UTF_8))
        .setExecutionExceptionHandler(
            (exception, failed, parsed) -> failed(surroundings, exception))
        .setParameterExceptionHandler((exception, ignored) -> misused(surroundings, exception));
  }

  private static int failed(Surroundings surroundings, Exception exception) {
    if (exception instanceof CommandFailure failure) {
      surroundings.err().println("grange: " + failure.sentence());
      return failure.exitCode().status();
    }
    if (exception instanceof ParameterException misuse) {
      return misused(surroundings, misuse);
    }
    if (surroundings.environment().containsKey("GRANGE_DEBUG")) {
      exception.printStackTrace(surroundings.err());
    }
    surroundings
        .err()
        .println(
            "grange: this is a fault of the client: %s. Set GRANGE_DEBUG=1 to see where."
                .formatted(exception));
    return ExitCode.API.status();
  }

  private static int misused(Surroundings surroundings, ParameterException exception) {
    surroundings.err().println("grange: " + exception.getMessage());
    if (exception instanceof UnmatchedArgumentException unmatched) {
      UnmatchedArgumentException.printSuggestions(
          unmatched, new PrintWriter(surroundings.err(), true, StandardCharsets.UTF_8));
    }
    String called = exception.getCommandLine().getCommandSpec().qualifiedName();
    surroundings
        .err()
        .printf("See `%s --help`.%n", called.replaceFirst("^grange", surroundings.command()));
    return ExitCode.USAGE.status();
  }
}
