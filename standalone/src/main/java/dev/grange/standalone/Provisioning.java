package dev.grange.standalone;

import dev.grange.db.Migrate;
import dev.grange.embedded.EmbeddedPostgres;
import dev.grange.embedded.Secrets;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HexFormat;

/**
 * Brings the database to what a farm needs: schema, passwords, registries, the local cluster, the
 * local token. Repeated at every start.
 *
 * <p>The passwords of the applications are new each time and exist in memory only, the supervisor's
 * and the applications'.
 */
final class Provisioning {
  static final String DATABASE = "grange";

  private static final String INVALID_CATALOG_NAME = "3D000";

  private final String buildServicePassword = Secrets.random();
  private final String schedulerPassword = Secrets.random();

  /**
   * What the rows say.
   *
   * @param candidateUrl {@code http://host:port} of the farm's own candidate registry
   * @param stableUrl {@code http://host:port} of its own stable registry
   * @param slots of the local cluster; only for a farm that has none yet
   * @param platform of this machine, such as linux/amd64
   * @param token the file of the local administrator's token; made if missing
   */
  record Farm(String candidateUrl, String stableUrl, int slots, String platform, Path token) {}

  String buildServicePassword() {
    return buildServicePassword;
  }

  String schedulerPassword() {
    return schedulerPassword;
  }

  void run(EmbeddedPostgres postgres, Farm farm) throws SQLException, IOException {
    try {
      migrate(postgres);
    } catch (SQLException e) {
      if (!INVALID_CATALOG_NAME.equals(e.getSQLState())) {
        throw e;
      }
      postgres.createDatabase(DATABASE);
      migrate(postgres);
    }
    String token = token(farm.token());
    try (Connection connection = postgres.connect(DATABASE);
        Statement statement = connection.createStatement()) {
      // One message, one transaction.
      statement.execute(sql(farm, token));
    }
  }

  private static void migrate(EmbeddedPostgres postgres) throws SQLException {
    try (Connection probe = postgres.connect(DATABASE)) {
      probe.isValid(5);
    }
    Migrate.migrate(postgres.jdbcUrl(DATABASE), EmbeddedPostgres.OWNER, postgres.ownerPassword());
  }

  /**
   * A registry's URL follows its port as long as it is the farm's own: one that somebody has
   * pointed elsewhere stays. The local token has one row with a fixed id, so that a new file
   * replaces the old secret instead of adding to it.
   */
  private String sql(Farm farm, String token) {
    return """
    ALTER ROLE grange_build_service PASSWORD '%1$s';
    ALTER ROLE grange_scheduler PASSWORD '%2$s';
    INSERT INTO registry (name, url, role)
      VALUES ('candidate', '%3$s', 'candidate'), ('stable', '%4$s', 'stable') ON CONFLICT DO NOTHING;
    UPDATE registry SET url = own.url
      FROM (VALUES ('candidate', '%3$s'), ('stable', '%4$s')) AS own (name, url)
      WHERE registry.name = own.name AND registry.url <> own.url
        AND registry.url ~ ('^http://(127[.]0[.]0[.]1|' || split_part(split_part(own.url, '/', 3), ':', 1) || '):[0-9]+$');
    INSERT INTO cluster (name, kind, slots, platforms)
      VALUES ('local', 'local', %5$d, ARRAY['%6$s']) ON CONFLICT DO NOTHING;
    INSERT INTO token (id, hash, principal, roles)
      VALUES ('00000000-0000-4000-8000-000000000001', '\\x%7$s', 'local', ARRAY['admin'])
      ON CONFLICT (id) DO UPDATE SET hash = EXCLUDED.hash, created_at = now(), revoked_at = NULL
        WHERE token.hash <> EXCLUDED.hash;
    """
        .formatted(
            buildServicePassword,
            schedulerPassword,
            farm.candidateUrl(),
            farm.stableUrl(),
            farm.slots(),
            farm.platform(),
            sha256(token));
  }

  private static String token(Path file) throws IOException {
    if (!Files.exists(file)) {
      Secrets.write(file, "grange_" + Secrets.random() + "\n");
    }
    return Files.readString(file).strip();
  }

  static String sha256(String token) {
    try {
      return HexFormat.of()
          .formatHex(
              MessageDigest.getInstance("SHA-256")
                  .digest(token.getBytes(StandardCharsets.US_ASCII)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
