package dev.grange.cli.farm;

/**
 * Ends a command: a sentence for the person in front of it, and an exit status for the script
 * around it.
 */
public class CommandFailure extends RuntimeException {

  private final ExitCode exitCode;

  public CommandFailure(ExitCode exitCode, String message) {
    super(message);
    this.exitCode = exitCode;
  }

  public CommandFailure(ExitCode exitCode, String message, Throwable cause) {
    super(message, cause);
    this.exitCode = exitCode;
  }

  public ExitCode exitCode() {
    return exitCode;
  }

  /** The message; never null, unlike {@link #getMessage()} of any exception. */
  public String sentence() {
    String message = getMessage();
    return message == null ? exitCode.name() : message;
  }
}
