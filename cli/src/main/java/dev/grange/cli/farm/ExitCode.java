package dev.grange.cli.farm;

/**
 * What the client's exit status says. The numbers are part of the interface: scripts rely on them.
 */
public enum ExitCode {
  OK(0),
  /** The build failed, and what it was made from is the cause. */
  BUILD_FAILED(1),
  USAGE(2),
  /** The API or the network: nothing is known about the build itself. */
  API(3),
  AUTHENTICATION(4),
  NOT_FOUND(5),
  CANCELLED(6),
  /** The farm failed; the same build may well succeed when it is run again. */
  FARM_FAILED(7),
  /** The client's own wait ended; the build goes on. */
  WAIT_ENDED(8),
  /** Somebody must mend a setting before the build can succeed. */
  CONFIGURATION(9),
  /** Built, and blocked by its tests. */
  BLOCKED(10),
  /** The client was interrupted; the build goes on. */
  DETACHED(130);

  private final int status;

  ExitCode(int status) {
    this.status = status;
  }

  public int status() {
    return status;
  }

  static ExitCode ofHttp(int httpStatus) {
    return switch (httpStatus) {
      case 400, 413, 415, 422 -> USAGE;
      case 401, 403 -> AUTHENTICATION;
      case 404 -> NOT_FOUND;
      default -> API;
    };
  }
}
