package dev.grange.embedded.testing;

import java.io.IOException;

/** Where the services of a test come from: child processes, or containers. */
interface Backend extends AutoCloseable {
  /** Starts an empty PostgreSQL. */
  PostgresServer startPostgres() throws IOException, InterruptedException;

  /** Starts a Kafka; gives its {@code host:port}. */
  String startKafka() throws IOException;

  /** Starts an empty registry; gives its {@code host:port}. */
  String startRegistry(String name) throws IOException, InterruptedException;

  @Override
  void close() throws IOException;

  /** How to reach a PostgreSQL as its superuser. */
  record PostgresServer(String host, int port, String user, String password) {
    String jdbcUrl(String database) {
      return "jdbc:postgresql://" + host + ":" + port + "/" + database;
    }
  }
}
