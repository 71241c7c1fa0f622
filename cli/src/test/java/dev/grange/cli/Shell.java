package dev.grange.cli;

import dev.grange.cli.farm.Surroundings;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/** Runs commands as a shell would, in a directory of their own. */
public final class Shell {

  public record Result(int status, String out, String err) {}

  private final Path directory;
  private final Map<String, String> environment = new HashMap<>();
  private String in = "";

  public Shell(Path directory) {
    this.directory = directory;
  }

  public Shell at(FakeFarm farm) {
    return with("GRANGE_URL", farm.url()).with("GRANGE_TOKEN", FakeFarm.TOKEN);
  }

  public Shell with(String name, String value) {
    environment.put(name, value);
    return this;
  }

  public Shell in(String text) {
    in = text;
    return this;
  }

  public Result run(String... arguments) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    int status =
        Main.run(
            new Surroundings(
                Map.copyOf(environment),
                directory,
                new ByteArrayInputStream(in.getBytes(StandardCharsets.UTF_8)),
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8)),
            arguments);
    return new Result(
        status, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }
}
