package dev.grange.embedded;

import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.Proxy;
import java.net.URI;

/**
 * Asks whether a server on this machine answers. A plain connection: it needs no threads and loads
 * fast.
 */
public final class HttpProbe {
  private static final int LIMIT_MILLIS = 2_000;

  private HttpProbe() {}

  /** The status of a GET, or 0 if nobody answers within two seconds. */
  public static int status(String url) {
    try {
      HttpURLConnection connection =
          (HttpURLConnection) URI.create(url).toURL().openConnection(Proxy.NO_PROXY);
      connection.setConnectTimeout(LIMIT_MILLIS);
      connection.setReadTimeout(LIMIT_MILLIS);
      connection.setUseCaches(false);
      try {
        return connection.getResponseCode();
      } finally {
        connection.disconnect();
      }
    } catch (IOException e) {
      return 0;
    }
  }
}
