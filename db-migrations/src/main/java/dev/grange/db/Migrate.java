package dev.grange.db;

import java.util.Map;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.output.MigrateResult;

/**
 * Brings a database to the newest schema. The applications never do this: their roles may not, and
 * replicas that start together would race. In production it runs once before a roll-out; in the
 * standalone farm the supervisor calls it.
 */
public final class Migrate {
  private Migrate() {}

  /**
   * Runs what is missing and nothing else; safe to repeat and to run from two places at once
   * (Flyway holds a lock in the database).
   *
   * @param url a JDBC URL of PostgreSQL
   * @param user the owner of the schema; creates the two roles of the applications, so it needs
   *     CREATEROLE
   * @return how many migrations ran
   * @throws FlywayException if the database cannot be reached or a migration fails; nothing of that
   *     migration stays
   */
  public static int migrate(String url, String user, String password) {
    MigrateResult result =
        Flyway.configure(Migrate.class.getClassLoader())
            .dataSource(url, user, password)
            .locations("classpath:db/migration")
            .failOnMissingLocations(true)
            .load()
            .migrate();
    return result.migrationsExecuted;
  }

  /**
   * Takes GRANGE_DB_URL, GRANGE_DB_USER and GRANGE_DB_PASSWORD from the environment: a password is
   * never an argument.
   */
  public static void main(String[] arguments) {
    System.exit(run(System.getenv()));
  }

  static int run(Map<String, String> environment) {
    String url = environment.getOrDefault("GRANGE_DB_URL", "");
    String user = environment.getOrDefault("GRANGE_DB_USER", "");
    String password = environment.get("GRANGE_DB_PASSWORD");
    if (url.isBlank() || user.isBlank() || password == null) {
      System.err.println(
          "Set GRANGE_DB_URL (jdbc:postgresql://HOST:PORT/DATABASE), GRANGE_DB_USER and"
              + " GRANGE_DB_PASSWORD.");
      return 2;
    }
    try {
      System.out.println("migrations run: " + migrate(url, user, password));
      return 0;
    } catch (FlywayException failure) {
      System.err.println(failure.getMessage());
      return 1;
    }
  }
}
