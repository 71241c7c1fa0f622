package dev.grange.cli.farm;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/**
 * Which farm to talk to. There is no option for the token itself: a command line is readable by
 * everybody.
 */
public final class FarmOptions {

  @Option(
      names = "--url",
      paramLabel = "URL",
      description = "The farm's address. Default: $GRANGE_URL, then the farm of this machine.")
  @Nullable String url;

  @Option(
      names = "--token-file",
      paramLabel = "FILE",
      description =
          "File with the token. Default: $GRANGE_TOKEN, $GRANGE_TOKEN_FILE, then the token of this"
              + " machine's farm.")
  @Nullable Path tokenFile;

  /** A client for the chosen farm. */
  public Api connect(Surroundings surroundings) {
    return Api.to(FarmAddress.find(url, tokenFile, surroundings), surroundings.command());
  }
}
