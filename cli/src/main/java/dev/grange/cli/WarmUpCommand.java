package dev.grange.cli;

import com.sun.net.httpserver.HttpServer;
import dev.grange.cli.farm.Surroundings;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/**
 * Runs the everyday commands once against answers of its own, while the JVM records what they load:
 * the launcher makes the AOT cache from it, which more than halves the time of every later command.
 */
@Command(name = "warm-up", hidden = true, description = "Run what an AOT cache is made from.")
final class WarmUpCommand implements Callable<Integer> {

  private static final String BUILD =
      """
      {"id":"b","image":"hello","tags":["latest"],"state":"SUCCEEDED","project":"default",
       "created_at":"2026-01-01T00:00:00Z","started_at":"2026-01-01T00:00:01Z",
       "finished_at":"2026-01-01T00:00:02Z","final":true,"failure":null,"waiting":null,
       "candidate":{"pullspec":"host/builds/b@sha256:0","digest":"sha256:0"},
       "platform_builds":[{"platform":"linux/amd64","state":"SUCCEEDED","digest":"sha256:0",
         "attempts":[{"id":"a","number":1,"cluster":"local","state":"SUCCEEDED","log_bytes":0,
           "finished_at":"2026-01-01T00:00:02Z"}]}],
       "release":{"id":"r","state":"PROMOTED","tests":[],"targets":[
         {"registry":"stable","pullspec":"host/hello@sha256:0","tag_pullspecs":["host/hello:latest"],
          "state":"DONE","outcome":"published"}]}}
      """;

  @Override
  public Integer call() throws IOException {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/",
        exchange -> {
          String path = exchange.getRequestURI().getPath();
          boolean stream = path.endsWith("/log") || path.endsWith("/events");
          boolean list = path.endsWith("/builds") && exchange.getRequestMethod().equals("GET");
          String answer =
              stream
                  ? "event: end\ndata: {}\n\n"
                  : list ? "{\"items\":[" + BUILD + "],\"next_cursor\":null}" : BUILD;
          byte[] bytes = answer.getBytes(StandardCharsets.UTF_8);
          try (InputStream body = exchange.getRequestBody()) {
            body.skip(Long.MAX_VALUE);
          }
          exchange.sendResponseHeaders(200, bytes.length);
          exchange.getResponseBody().write(bytes);
          exchange.close();
        });
    server.start();
    try {
      Surroundings surroundings =
          new Surroundings(
              Map.of(
                  "GRANGE_URL",
                  "http://127.0.0.1:" + server.getAddress().getPort(),
                  "GRANGE_TOKEN",
                  "none",
                  "GRANGE_HOME",
                  "/nonexistent"),
              Path.of("").toAbsolutePath(),
              InputStream.nullInputStream(),
              new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8),
              new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8));
      Main.run(surroundings, "builds", "list");
      Main.run(surroundings, "builds", "list", "-o", "json");
      Main.run(surroundings, "builds", "show", "b");
      Main.run(surroundings, "build", "-f", "-", "-t", "hello", "--until", "promoted");
      Main.run(surroundings, "builds", "log", "b");
      Main.run(surroundings, "version");
      Main.run(surroundings, "no-such-command");
      return 0;
    } finally {
      server.stop(0);
    }
  }
}
