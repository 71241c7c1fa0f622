package dev.grange.domain.image;

import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What may stand where a submission names something. Every method answers what is wrong with a
 * value, in words for the person who sent it, or null when nothing is.
 *
 * <p>The grammars of repositories, tags and digests are those of the OCI Distribution and Image
 * specifications 1.1; a registry refuses anything else only after the build has been run.
 */
public final class Names {

  /** The specification says 255 for the whole repository; a project's name goes in front. */
  public static final int MAX_IMAGE_LENGTH = 180;

  public static final int MAX_ARGUMENTS = 500;
  public static final int MAX_VALUE_LENGTH = 32 * 1024;

  private static final Pattern COMPONENT =
      Pattern.compile("[a-z0-9]++(?:(?:\\.|_|__|-++)[a-z0-9]++)*+");
  private static final Pattern TAG = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9._-]{0,127}");
  private static final Pattern DIGEST = Pattern.compile("sha256:[0-9a-f]{64}");
  private static final Pattern PLATFORM = Pattern.compile("linux/[a-z0-9_]{1,32}(?:/v[0-9]{1,2})?");
  private static final Pattern PROJECT = Pattern.compile("[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?");
  private static final Pattern ARGUMENT = Pattern.compile("[A-Za-z_][A-Za-z0-9_]{0,255}");

  private Names() {}

  /** An image within a project: path components between slashes, no registry, no tag. */
  public static @Nullable String wrongWithImage(String image) {
    if (image.isEmpty()) {
      return "An image needs a name, such as \"hello\" or \"team/hello\".";
    }
    if (image.length() > MAX_IMAGE_LENGTH) {
      return "An image's name has at most " + MAX_IMAGE_LENGTH + " characters.";
    }
    if (image.indexOf('@') >= 0) {
      return "Leave out the digest: the build finds it.";
    }
    if (image.indexOf(':') >= 0) {
      return "Leave out registry and tag: tags go into \"tags\", registries come from the policy.";
    }
    for (String component : image.split("/", -1)) {
      if (!COMPONENT.matcher(component).matches()) {
        return "Use lower case letters and digits, single '.', '_' or '-' between them, and '/'"
            + " between the parts.";
      }
    }
    return null;
  }

  public static @Nullable String wrongWithTag(String tag) {
    if (TAG.matcher(tag).matches()) {
      return null;
    }
    return "A tag starts with a letter, digit or '_', goes on with those, '.' and '-', and has at"
        + " most 128 characters.";
  }

  public static @Nullable String wrongWithDigest(String digest) {
    return DIGEST.matcher(digest).matches()
        ? null
        : "A digest is \"sha256:\" and 64 hexadecimal digits in lower case.";
  }

  public static @Nullable String wrongWithPlatform(String platform) {
    return PLATFORM.matcher(platform).matches()
        ? null
        : "A platform is \"linux/\" and an architecture, such as \"linux/amd64\" or"
            + " \"linux/arm/v7\".";
  }

  public static @Nullable String wrongWithProject(String project) {
    return PROJECT.matcher(project).matches()
        ? null
        : "A project's name has at most 63 lower case letters, digits and '-', and neither starts"
            + " nor ends with '-'.";
  }

  /** The name of a cluster. */
  public static @Nullable String wrongWithCluster(String cluster) {
    return PROJECT.matcher(cluster).matches()
        ? null
        : "A cluster's name has at most 63 lower case letters, digits and '-', and neither starts"
            + " nor ends with '-'.";
  }

  /** The name of a build argument: what ARG accepts. */
  public static @Nullable String wrongWithArgument(String name) {
    return ARGUMENT.matcher(name).matches()
        ? null
        : "An argument's name has letters, digits and '_', and does not start with a digit.";
  }

  /** The key of an image label. */
  public static @Nullable String wrongWithLabel(String key) {
    if (key.isEmpty() || key.length() > 255) {
      return "A label's key has 1 to 255 characters.";
    }
    for (int i = 0; i < key.length(); i++) {
      char c = key.charAt(i);
      if (c <= ' ' || c == '=' || c == '"' || c == 0x7f) {
        return "A label's key has no blanks, no control characters, no '=' and no '\"'.";
      }
    }
    return null;
  }

  /**
   * The value of an argument or a label. PostgreSQL keeps no NUL, and an argument vector cannot
   * carry one.
   */
  public static @Nullable String wrongWithValue(String value) {
    if (value.indexOf('\0') >= 0) {
      return "A value has no NUL characters.";
    }
    if (value.length() > MAX_VALUE_LENGTH) {
      return "A value has at most " + MAX_VALUE_LENGTH + " characters.";
    }
    return null;
  }
}
