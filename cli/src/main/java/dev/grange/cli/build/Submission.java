package dev.grange.cli.build;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.grange.cli.context.ContextArchive;
import dev.grange.cli.farm.Api;
import dev.grange.cli.farm.CommandFailure;
import dev.grange.cli.farm.ExitCode;
import dev.grange.cli.farm.Json;
import dev.grange.cli.terminal.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** From a directory to an accepted build. */
public final class Submission {

  private final Api api;
  private final Progress progress;
  private final Path home;

  public Submission(Api api, Progress progress, Path home) {
    this.api = api;
    this.progress = progress;
    this.home = home;
  }

  /**
   * Submits a build.
   *
   * @param request the body of {@code POST /builds}, without the context
   * @param directory the context, or null for a Containerfile that needs none
   */
  public JsonNode submit(
      ObjectNode request,
      @Nullable Path directory,
      @Nullable Path containerfile,
      String idempotencyKey) {
    if (directory != null) {
      request.put("context", upload(directory, containerfile, Json.text(request, "project")));
    }
    JsonNode build = api.post("/builds", request, idempotencyKey);
    progress.line(
        "submitted  %s as build %s".formatted(Json.text(request, "image"), Json.text(build, "id")));
    return build;
  }

  private String upload(Path directory, @Nullable Path containerfile, String project) {
    ContextArchive archive;
    try {
      archive = ContextArchive.pack(directory, containerfile, home);
    } catch (IllegalArgumentException e) {
      throw new CommandFailure(
          ExitCode.USAGE, "The ignore file cannot be understood: " + e.getMessage(), e);
    } catch (IOException e) {
      throw new CommandFailure(
          ExitCode.USAGE, "The context %s cannot be packed: %s".formatted(directory, e), e);
    }
    // Also when Ctrl-C comes in the middle of a long upload.
    archive.file().toFile().deleteOnExit();
    try {
      for (String name : archive.skipped()) {
        progress.line("context    left out %s: neither file, directory nor link".formatted(name));
      }
      String query = "?project=" + Api.encode(project);
      boolean known = api.exists("/contexts/" + archive.digest() + query);
      progress.line(
          "context    %s %s (%d files%s)"
              .formatted(
                  known ? "is there already:" : "sending",
                  size(archive.size()),
                  archive.files(),
                  archive.ignored() == 0 ? "" : ", " + archive.ignored() + " ignored"));
      if (!known) {
        String stored = Json.text(api.upload("/contexts" + query, archive.file()), "digest");
        return stored.isEmpty() ? archive.digest() : stored;
      }
      return archive.digest();
    } finally {
      try {
        Files.deleteIfExists(archive.file());
      } catch (IOException e) {
        // A temporary file; the system cleans up.
      }
    }
  }

  static String size(long bytes) {
    if (bytes < 1024) {
      return bytes + " B";
    }
    double value = bytes;
    int unit = 0;
    while (value >= 1024 && unit < 4) {
      value /= 1024;
      unit++;
    }
    return "%.1f %siB".formatted(value, " KMGT".charAt(unit));
  }
}
