package dev.grange.cli.farm;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Where the farm is and how to prove who we are.
 *
 * @param token the bearer token, or null when none was found
 * @param tokenSource where the token came from, for error messages
 */
public record FarmAddress(URI url, @Nullable String token, String tokenSource) {

  /** Flags, then environment, then {@code $GRANGE_HOME/farm.json}. */
  static FarmAddress find(
      @Nullable String urlFlag, @Nullable Path tokenFileFlag, Surroundings surroundings) {
    JsonNode local = localFarm(surroundings);
    String localUrl = local.path("api").asText("");
    String url = urlFlag;
    if (url == null) {
      url = nonEmpty(surroundings, "GRANGE_URL");
    }
    if (url == null) {
      url = localUrl;
    }
    if (url.isEmpty()) {
      throw new CommandFailure(
          ExitCode.API,
          "There is no farm on this machine. Start one with `%s up -d`, or name one with --url or GRANGE_URL."
              .formatted(surroundings.command()));
    }
    URI address = parse(url);
    Path tokenFile = tokenFileFlag;
    if (tokenFile == null) {
      String token = nonEmpty(surroundings, "GRANGE_TOKEN");
      if (token != null) {
        return new FarmAddress(address, token.strip(), "GRANGE_TOKEN");
      }
      String named = nonEmpty(surroundings, "GRANGE_TOKEN_FILE");
      if (named != null) {
        tokenFile = Path.of(named);
      }
    }
    // The local token goes to the local farm only: another address could be anybody's.
    if (tokenFile == null && !localUrl.isEmpty() && parse(localUrl).equals(address)) {
      String named = local.path("token_file").asText("");
      tokenFile = named.isEmpty() ? null : Path.of(named);
    }
    if (tokenFile == null) {
      return new FarmAddress(address, null, "");
    }
    Path file = surroundings.directory().resolve(tokenFile);
    try {
      return new FarmAddress(address, Files.readString(file).strip(), file.toString());
    } catch (IOException e) {
      throw new CommandFailure(
          ExitCode.AUTHENTICATION,
          "The token file %s cannot be read. It is readable by its owner only: are you the user who started the farm?"
              .formatted(file),
          e);
    }
  }

  private static JsonNode localFarm(Surroundings surroundings) {
    Path file = surroundings.home().resolve("farm.json");
    try {
      return Files.isReadable(file)
          ? Json.MAPPER.readTree(Files.readString(file))
          : Json.MAPPER.missingNode();
    } catch (IOException e) {
      throw new CommandFailure(
          ExitCode.API, "%s is damaged; start the farm again.".formatted(file), e);
    }
  }

  private static URI parse(String url) {
    String trimmed = url.endsWith("/") ? url.substring(0, url.length() - 1) : url;
    try {
      URI uri = URI.create(trimmed);
      if (("http".equals(uri.getScheme()) || "https".equals(uri.getScheme()))
          && uri.getHost() != null) {
        return uri;
      }
    } catch (IllegalArgumentException e) {
      // Said below, in the words of somebody who has typed an address.
    }
    throw new CommandFailure(
        ExitCode.USAGE, "'%s' is no address of a farm; write http://host:port.".formatted(url));
  }

  private static @Nullable String nonEmpty(Surroundings surroundings, String name) {
    String value = surroundings.environment().get(name);
    return value == null || value.isEmpty() ? null : value;
  }

  /** Without the token: this record is printed in traces. */
  @Override
  public String toString() {
    return "FarmAddress[" + url + "]";
  }
}
