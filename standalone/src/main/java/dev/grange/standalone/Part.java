package dev.grange.standalone;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;

/** A part of the farm that can be started, and started again after it has died. */
interface Part {
  /** For people, and the name of its log. */
  String name();

  /**
   * Starts it and waits until it does its work.
   *
   * @throws Exception if it does not; the message says where to look
   */
  Running start() throws Exception;

  /** The part while it runs. */
  interface Running {
    /** Where it listens or which process it is, in a few words. */
    String detail();

    /** Completes when it has ended, with how. */
    CompletableFuture<String> ended();

    /**
     * Asks it to end, and makes it end when the time is over. Repeatable; also for one that has
     * ended.
     */
    void stop(Duration limit) throws Exception;
  }
}
