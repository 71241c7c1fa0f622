package dev.grange.api.cluster;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.grange.api.body.Body;
import dev.grange.api.body.Fields;
import dev.grange.api.farm.FarmSettings;
import dev.grange.api.problem.ProblemException;
import dev.grange.api.problem.ProblemType;
import dev.grange.domain.image.CanonicalJson;
import dev.grange.domain.image.Names;
import dev.grange.store.api.Clusters.Registration;
import jakarta.enterprise.context.ApplicationScoped;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Validates what is registered of a cluster, and what commands for one say. */
@ApplicationScoped
class ClusterReader {
  private static final int MAX_BODY_BYTES = 1 << 20;
  private static final String TOO_LARGE = "This has at most " + MAX_BODY_BYTES + " bytes.";
  private static final int DAYS_30 = 30 * 24 * 3600;
  private static final int MAX_NOTE = 1000;
  private static final ProblemType INVALID = ProblemType.INVALID_FIELD;

  private final FarmSettings farm;
  private final ClusterSettings settings;

  ClusterReader(FarmSettings farm, ClusterSettings settings) {
    this.farm = farm;
    this.settings = settings;
  }

  Registration registration(String name, InputStream body) throws IOException {
    Fields fields =
        new Fields(Body.parse(Body.bytes(body, MAX_BODY_BYTES, TOO_LARGE)), "ClusterRegistration");
    String wrongName = Names.wrongWithCluster(name);
    if (wrongName != null) {
      fields.wrong(ProblemType.INVALID_PARAMETER, "", wrongName);
    }
    String kind =
        Optional.ofNullable(fields.text("kind", INVALID, ClusterReader::wrongWithKind))
            .orElse("kubernetes");
    Registration registration =
        new Registration(
            name,
            kind,
            fields.integer("slots", 4, 0, 10_000),
            fields.texts(
                "platforms", List.of(farm.platform()), 1, 16, INVALID, Names::wrongWithPlatform),
            fields.integer("weight", 100, 1, 1000),
            CanonicalJson.write(
                fields.map(
                    "labels", 100, Names::wrongWithLabel, ClusterReader::wrongWithLabelValue)),
            config(fields, kind));
    fields.finish();
    return registration;
  }

  /** A local cluster's settings are the scheduler's own: there any field is one too many. */
  private String config(Fields fields, String kind) {
    Fields config = fields.object("config").orElse(null);
    if (!kind.equals("kubernetes")) {
      return "{}";
    }
    if (config != null) {
      return KubernetesConfigReader.read(config, settings.credentialDirectory()).toString();
    }
    if (!fields.has("config")) {
      fields.wrong(
          INVALID,
          "/config",
          "\"config\" is missing: how to reach the cluster, at least {\"credential\":"
              + " {\"kubeconfig_file\": \"/path\"}, \"worker_image\": \"…\"}.");
    }
    return "{}";
  }

  private static @Nullable String wrongWithKind(String kind) {
    return List.of("kubernetes", "local").contains(kind)
        ? null
        : "A cluster's kind is \"kubernetes\" or \"local\".";
  }

  private static @Nullable String wrongWithLabelValue(String value) {
    return value.length() <= 255 && value.indexOf('\0') < 0
        ? null
        : "A label's value has at most 255 characters, and no NUL.";
  }

  /**
   * Reads what a command says.
   *
   * @return the request's arguments, a JSON object
   */
  String arguments(String command, InputStream body) throws IOException {
    byte[] bytes = Body.bytes(body, MAX_BODY_BYTES, TOO_LARGE);
    Fields fields =
        new Fields(
            bytes.length == 0 ? JsonNodeFactory.instance.objectNode() : Body.parse(bytes),
            "ClusterCommand");
    ObjectNode arguments = JsonNodeFactory.instance.objectNode();
    String note = fields.text("note", INVALID, ClusterReader::wrongWithNote);
    if (note != null && !note.isBlank()) {
      arguments.put("note", note.strip());
    }
    if (command.equals("cordon") || command.equals("drain")) {
      seconds(fields, arguments, "resume_after_seconds");
    }
    if (command.equals("drain")) {
      seconds(fields, arguments, "timeout_seconds");
      if (fields.bool("now")) {
        arguments.put("now", true);
        if (fields.has("timeout_seconds")) {
          fields.wrong(
              INVALID, "/timeout_seconds", "With \"now\" nothing is waited for: leave one out.");
        }
      }
    }
    fields.finish();
    return arguments.toString();
  }

  private static void seconds(Fields fields, ObjectNode arguments, String name) {
    if (fields.has(name)) {
      arguments.put(name, fields.integer(name, 1, 1, DAYS_30));
    }
  }

  private static @Nullable String wrongWithNote(String note) {
    return note.length() <= MAX_NOTE && note.indexOf('\0') < 0
        ? null
        : "A note has at most " + MAX_NOTE + " characters, and no NUL.";
  }

  /** The arguments of a command that has its note as a parameter. */
  static String ofNote(@Nullable String note) {
    ObjectNode arguments = JsonNodeFactory.instance.objectNode();
    if (note != null && !note.isBlank()) {
      String wrong = wrongWithNote(note);
      if (wrong != null) {
        throw new ProblemException(ProblemType.INVALID_PARAMETER, wrong);
      }
      arguments.put("note", note.strip());
    }
    return arguments.toString();
  }
}
