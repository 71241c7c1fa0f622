package dev.grange.standalone;

import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.util.concurrent.CountDownLatch;

/**
 * Stands for an application: logs in as its role, answers that it is ready, and ends when asked to.
 */
final class FakeApplication {
  private FakeApplication() {}

  public static void main(String[] arguments) throws Exception {
    String user = System.getenv("QUARKUS_DATASOURCE_USERNAME");
    try (Connection connection =
            DriverManager.getConnection(
                System.getenv("QUARKUS_DATASOURCE_JDBC_URL"),
                user,
                System.getenv("QUARKUS_DATASOURCE_PASSWORD"));
        var statement = connection.createStatement();
        var rows = statement.executeQuery("SELECT count(*) FROM registry")) {
      rows.next();
      System.out.println(user + " sees " + rows.getInt(1) + " registries");
    }
    HttpServer server =
        HttpServer.create(
            new InetSocketAddress(
                System.getenv("QUARKUS_HTTP_HOST"),
                Integer.parseInt(System.getenv("QUARKUS_HTTP_PORT"))),
            0);
    server.createContext(
        "/q/health/ready",
        exchange -> {
          exchange.sendResponseHeaders(200, -1);
          exchange.close();
        });
    server.start();
    new CountDownLatch(1).await();
  }

  static Path classes() throws Exception {
    return Path.of(
        FakeApplication.class.getProtectionDomain().getCodeSource().getLocation().toURI());
  }
}
