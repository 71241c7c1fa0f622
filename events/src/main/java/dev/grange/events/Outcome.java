package dev.grange.events;

/** How something ended, in CDEvents' words. */
public enum Outcome {
  SUCCESS("success"),
  /** Whoever submitted it has to change something. */
  FAILURE("failure"),
  /** The farm or its settings are to blame; the same submission may succeed later. */
  ERROR("error"),
  CANCEL("cancel");

  private final String word;

  Outcome(String word) {
    this.word = word;
  }

  /** As it is written in an event. */
  public String word() {
    return word;
  }
}
