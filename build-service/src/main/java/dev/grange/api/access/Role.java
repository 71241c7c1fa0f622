package dev.grange.api.access;

/** What a token may do; the names are those of the table {@code token} in upper case. */
public enum Role {
  VIEWER,
  SUBMITTER,
  RELEASER,
  TESTER,
  OPERATOR,
  ADMIN
}
