package dev.grange.api.access;

import jakarta.enterprise.context.RequestScoped;
import org.jspecify.annotations.Nullable;

/** The caller of the request that is being answered. Streams take it before they start. */
@RequestScoped
public class CurrentCaller {
  private @Nullable Caller caller;

  void set(Caller found) {
    this.caller = found;
  }

  public Caller get() {
    Caller found = caller;
    if (found == null) {
      throw new IllegalStateException("a route that the filter did not see");
    }
    return found;
  }
}
