package dev.grange.store;

import dev.grange.embedded.testing.TestDatabase.Login;
import org.postgresql.ds.PGSimpleDataSource;

/** A connection for each call: what a pool does is not what these tests are about. */
final class Source {
  private Source() {}

  static PGSimpleDataSource of(String url, Login login) {
    PGSimpleDataSource source = new PGSimpleDataSource();
    source.setUrl(url);
    source.setUser(login.user());
    source.setPassword(login.password());
    return source;
  }
}
