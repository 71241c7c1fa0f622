package dev.grange.embedded.testing;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;

/** A migrated database and the three who may log in to it. */
public record TestDatabase(String jdbcUrl, Login owner, Login buildService, Login scheduler) {
  /** A role and its password. */
  public record Login(String user, String password) {
    @Override
    public String toString() {
      return user; // never the password
    }
  }

  /** A new connection as one of the three. */
  public Connection connect(Login login) throws SQLException {
    return DriverManager.getConnection(jdbcUrl, login.user(), login.password());
  }
}
