package dev.grange.api.testing;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Base64;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import org.eclipse.microprofile.config.ConfigProvider;

/** The farm around the application under test: its callers, its scheduler, its database. */
public final class Farm {
  static Map<String, Object> services = Map.of();

  public static final ObjectMapper JSON = new ObjectMapper();
  private static final HttpClient HTTP =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .connectTimeout(Duration.ofSeconds(5))
          .build();

  private Farm() {}

  private static Object get(String name) {
    return services.get(name);
  }

  public static void does(String what) {
    ((Runnable) get(what)).run();
  }

  public static String candidate() {
    return (String) get("candidate");
  }

  public static Path uploads() {
    return Path.of((String) get("uploads"));
  }

  private static Connection connect(String who) throws SQLException {
    String[] login = (String[]) get(who);
    return DriverManager.getConnection((String) get("jdbcUrl"), login[0], login[1]);
  }

  /** Writes what only the scheduler may write. */
  public static void schedulerDoes(String sql, Object... arguments) {
    execute("scheduler", sql, arguments);
  }

  public static void ownerDoes(String sql, Object... arguments) {
    execute("owner", sql, arguments);
  }

  private static void execute(String who, String sql, Object... arguments) {
    try (Connection connection = connect(who);
        PreparedStatement statement = connection.prepareStatement(sql)) {
      for (int i = 0; i < arguments.length; i++) {
        statement.setObject(i + 1, arguments[i]);
      }
      statement.execute();
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  public static long count(String sql, Object... arguments) {
    return Long.parseLong(text(sql, arguments));
  }

  /** The first column of the first row. */
  public static String text(String sql, Object... arguments) {
    try (Connection connection = connect("owner");
        PreparedStatement statement = connection.prepareStatement(sql)) {
      for (int i = 0; i < arguments.length; i++) {
        statement.setObject(i + 1, arguments[i]);
      }
      try (ResultSet rows = statement.executeQuery()) {
        rows.next();
        return rows.getString(1);
      }
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  public static void project(String name) {
    ownerDoes("INSERT INTO project (name) VALUES (?) ON CONFLICT DO NOTHING", name);
  }

  /** A new token; a project of null is the whole farm. */
  public static Api api(String principal, String project, String... roles) {
    byte[] secret = new byte[32];
    ThreadLocalRandom.current().nextBytes(secret);
    String token = "grange_" + Base64.getUrlEncoder().withoutPadding().encodeToString(secret);
    try {
      ownerDoes(
          "INSERT INTO token (id, hash, principal, project, roles) VALUES (?, ?, ?, ?, ?::text[])",
          UUID.randomUUID(),
          MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.US_ASCII)),
          principal,
          project,
          "{" + String.join(",", roles) + "}");
    } catch (java.security.NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
    return new Api(token);
  }

  public static Api admin() {
    return api("admin-" + UUID.randomUUID(), null, "admin");
  }

  public static URI uri(String path) {
    return URI.create(
        "http://127.0.0.1:"
            + ConfigProvider.getConfig().getValue("quarkus.http.test-port", String.class)
            + path);
  }

  /** An answer with its body as text. */
  public record Answer(int status, java.net.http.HttpHeaders headers, String body) {
    public JsonNode json() {
      try {
        return JSON.readTree(body);
      } catch (IOException e) {
        throw new IllegalStateException(body, e);
      }
    }

    public String at(String pointer) {
      return json().at(pointer).asText();
    }

    public String header(String name) {
      return headers.firstValue(name).orElse("");
    }
  }

  /** The API as one caller sees it. */
  public record Api(String token) {
    public HttpRequest.Builder request(String path) {
      HttpRequest.Builder request =
          HttpRequest.newBuilder(uri(path)).timeout(Duration.ofSeconds(60));
      return token.isEmpty() ? request : request.header("Authorization", "Bearer " + token);
    }

    public Answer send(HttpRequest.Builder request) {
      try {
        HttpResponse<byte[]> response =
            HTTP.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
        return new Answer(
            response.statusCode(),
            response.headers(),
            new String(response.body(), StandardCharsets.UTF_8));
      } catch (IOException e) {
        throw new IllegalStateException(e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException(e);
      }
    }

    public Answer get(String path, String... headers) {
      HttpRequest.Builder request = request(path).GET();
      return send(headers.length == 0 ? request : request.headers(headers));
    }

    public Answer post(String path, String body, String... headers) {
      HttpRequest.Builder request =
          request(path)
              .header("Content-Type", "application/json")
              .POST(HttpRequest.BodyPublishers.ofString(body));
      return send(headers.length == 0 ? request : request.headers(headers));
    }

    public Answer post(String path) {
      return send(request(path).POST(HttpRequest.BodyPublishers.noBody()));
    }

    public Answer upload(String path, byte[] body) {
      return send(request(path).POST(HttpRequest.BodyPublishers.ofByteArray(body)));
    }

    /** A build that was accepted. */
    public UUID build(String project) {
      Answer answer = post("/api/v1/builds", submission(project));
      if (answer.status() != 202) {
        throw new AssertionError(answer.body());
      }
      return UUID.fromString(answer.at("/id"));
    }

    /** Follows a stream until its event "end", or for as many events as are wanted. */
    public String stream(String path, int events, String... headers) {
      HttpRequest.Builder request = request(path).header("Accept", "text/event-stream").GET();
      if (headers.length > 0) {
        request.headers(headers);
      }
      try {
        HttpResponse<java.io.InputStream> response =
            HTTP.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
        StringBuilder text = new StringBuilder();
        int seen = 0;
        try (var reader =
            new java.io.BufferedReader(
                new java.io.InputStreamReader(response.body(), StandardCharsets.UTF_8))) {
          for (String line = reader.readLine(); line != null; line = reader.readLine()) {
            text.append(line).append('\n');
            if (line.startsWith("data: ") && ++seen == events) {
              break;
            }
          }
        }
        return text.toString();
      } catch (IOException e) {
        throw new IllegalStateException(e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException(e);
      }
    }
  }

  public static String submission(String project) {
    return "{\"project\":\"%s\",\"image\":\"hello\",\"containerfile\":\"FROM scratch\\n\"}"
        .formatted(project);
  }

  // ── The scheduler's part ──

  public static void hint(UUID build) {
    schedulerDoes("SELECT pg_notify('grange', ?)", "build:" + build);
  }

  /** An attempt that runs. */
  public static UUID attempt(UUID build, int number) {
    UUID id = UUID.randomUUID();
    schedulerDoes(
        """
        INSERT INTO attempt (id, kind, execution_id, number, cluster, epoch, state, pod_name, pod_uid, deadline, repository,
                             building_at)
        SELECT ?, 'BUILD', execution_id, ?, 'local', 1, 'BUILDING', ?, 'u', now() + interval '1 hour', 'builds/x', now()
        FROM platform_build WHERE build_id = ? ORDER BY platform LIMIT 1
        """,
        id,
        number,
        "pod-" + id,
        build);
    return id;
  }

  public static void run(UUID build) {
    schedulerDoes("UPDATE build SET state = 'RUNNING', started_at = now() WHERE id = ?", build);
    schedulerDoes(
        "UPDATE platform_build SET state = 'RUNNING', started_at = now() WHERE build_id = ?",
        build);
  }

  public static void fail(UUID build) {
    schedulerDoes(
        """
        UPDATE build SET state = 'FAILED', started_at = now(), finished_at = now(), fault = 'USER', reason = 'BuildFailed',
          message = 'exit 1' WHERE id = ?
        """,
        build);
  }

  public static void endAttempt(UUID attempt, boolean logComplete) {
    schedulerDoes(
        """
        UPDATE attempt SET state = 'FAILED', finished_at = now(), released_at = now(), fault = 'USER', reason = 'BuildFailed',
          message = 'exit 1', log_complete = ? WHERE id = ?
        """,
        logComplete,
        attempt);
  }

  public static void log(UUID attempt, long offset, byte[] data) {
    schedulerDoes(
        "INSERT INTO log_chunk (attempt_id, start_offset, data) VALUES (?, ?, ?)",
        attempt,
        offset,
        data);
  }

  public static final String DIGEST = "sha256:" + "0123456789abcdef".repeat(4);

  /** The build has succeeded and its release is open. */
  public static UUID succeed(UUID build, String releaseState) {
    schedulerDoes(
        """
        UPDATE build SET state = 'SUCCEEDED', started_at = now(), finished_at = now(), candidate_repository = ?,
          candidate_digest = ? WHERE id = ?
        """,
        "builds/" + build,
        DIGEST,
        build);
    UUID release = UUID.randomUUID();
    boolean ended = releaseState.equals("PROMOTED") || releaseState.equals("WITHDRAWN");
    schedulerDoes(
        """
        INSERT INTO release (id, build_id, policy, policy_version, digest, state, decision, finished_at)
        VALUES (?, ?, 'default', 1, ?, ?, '{"allowed": true}'::jsonb, CASE WHEN ? THEN now() END)
        """,
        release,
        build,
        DIGEST,
        releaseState,
        ended);
    return release;
  }
}
