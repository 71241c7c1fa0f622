package dev.grange.api.problem;

import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.event.Observes;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What to do with the rest of a body that is not wanted: the caller may not upload, or sends too
 * much. Most clients read an answer only when they have sent everything, so an answer alone would
 * leave both sides waiting for each other. The rest is swallowed for a while; then the connection
 * ends.
 */
final class UnreadBody {
  private static final long MAX_BYTES = 256L << 20;
  private static final long MAX_MILLIS = TimeUnit.SECONDS.toMillis(60);

  private final Vertx vertx;

  UnreadBody(Vertx vertx) {
    this.vertx = vertx;
  }

  void install(@Observes Router router) {
    router
        .route()
        .order(Integer.MIN_VALUE)
        .handler(
            context -> {
              context.addEndHandler(
                  ended -> {
                    if (ended.succeeded()) {
                      discard(context);
                    }
                  });
              context.next();
            });
  }

  private void discard(RoutingContext context) {
    HttpServerRequest request = context.request();
    if (request.isEnded()) {
      return;
    }
    AtomicLong left = new AtomicLong(MAX_BYTES);
    long timer = vertx.setTimer(MAX_MILLIS, id -> request.connection().close());
    try {
      request.exceptionHandler(gone -> vertx.cancelTimer(timer));
      request.endHandler(end -> vertx.cancelTimer(timer));
      request.handler(
          bytes -> {
            if (left.addAndGet(-bytes.length()) < 0) {
              vertx.cancelTimer(timer);
              request.connection().close();
            }
          });
      request.resume();
    } catch (IllegalStateException e) {
      // it ended between the look and now: there is no rest
      vertx.cancelTimer(timer);
    }
  }
}
