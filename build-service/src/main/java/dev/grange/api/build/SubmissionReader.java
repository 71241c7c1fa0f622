package dev.grange.api.build;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.grange.api.access.Caller;
import dev.grange.api.farm.FarmSettings;
import dev.grange.api.problem.ProblemException;
import dev.grange.api.problem.ProblemType;
import dev.grange.domain.containerfile.Containerfile;
import dev.grange.domain.image.Names;
import jakarta.enterprise.context.ApplicationScoped;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The one place where a submission is validated, as far as it can be without the database. All that
 * is wrong is said at once.
 */
@ApplicationScoped
class SubmissionReader {

  /** A reader of its own: what strangers send is read more strictly than what the farm wrote. */
  private static final JsonMapper JSON =
      JsonMapper.builder(
              JsonFactory.builder()
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxNestingDepth(20)
                          .maxNumberLength(20)
                          .maxNameLength(1000)
                          .build())
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private final BuildSettings settings;
  private final FarmSettings farm;

  SubmissionReader(BuildSettings settings, FarmSettings farm) {
    this.settings = settings;
    this.farm = farm;
  }

  Submission read(InputStream body, Caller caller) throws IOException {
    byte[] bytes = body.readNBytes(settings.maxBodyBytes() + 1);
    if (bytes.length > settings.maxBodyBytes()) {
      throw new ProblemException(
          ProblemType.REQUEST_TOO_LARGE,
          "A submission has at most "
              + settings.maxBodyBytes()
              + " bytes. Files belong into a context.");
    }
    Fields fields = new Fields(parse(bytes));
    String project = fields.text("project", ProblemType.INVALID_FIELD, Names::wrongWithProject);
    if (project == null) {
      project = caller.project() == null ? "default" : caller.project();
    }
    String image = fields.requiredText("image", ProblemType.INVALID_IMAGE, Names::wrongWithImage);
    List<String> tags =
        fields.texts(
            "tags", List.of("latest"), 0, 50, ProblemType.INVALID_TAG, Names::wrongWithTag);
    String containerfile =
        fields.requiredText(
            "containerfile",
            ProblemType.INVALID_CONTAINERFILE,
            SubmissionReader::wrongWithContainerfile);
    Submission submission =
        new Submission(
            project,
            image == null ? "" : image,
            tags,
            containerfile == null ? "" : containerfile,
            fields.text("context", ProblemType.INVALID_FIELD, Names::wrongWithDigest),
            fields.map(
                "args", Names.MAX_ARGUMENTS, Names::wrongWithArgument, Names::wrongWithValue),
            fields.map("labels", Names.MAX_ARGUMENTS, Names::wrongWithLabel, Names::wrongWithValue),
            fields.text(
                "target",
                ProblemType.INVALID_FIELD,
                target -> wrongWithTarget(target, containerfile)),
            fields.texts(
                "platforms",
                List.of(farm.platform()),
                1,
                16,
                ProblemType.INVALID_FIELD,
                Names::wrongWithPlatform),
            fields.integer("priority", 0, -100, 100),
            fields.integer("timeout_seconds", 3600, 1, 7 * 24 * 3600),
            fields.integer("queue_seconds", 24 * 3600, 1, 30 * 24 * 3600),
            fields.bool("scratch"),
            fields.text("cluster", ProblemType.INVALID_FIELD, Names::wrongWithCluster),
            fields.map("cluster_selector", 20, Names::wrongWithLabel, Names::wrongWithValue));
    fields.finish();
    return submission;
  }

  private static JsonNode parse(byte[] bytes) throws IOException {
    try {
      JsonNode node = JSON.readTree(bytes);
      if (node == null || node.isMissingNode()) {
        throw new ProblemException(ProblemType.MALFORMED_JSON, "The body is empty.");
      }
      return node;
    } catch (JsonProcessingException e) {
      JsonLocation at = e.getLocation();
      String where =
          at == null ? "" : " at line " + at.getLineNr() + ", column " + at.getColumnNr();
      throw new ProblemException(
          ProblemType.MALFORMED_JSON,
          "The body cannot be read as one JSON value"
              + where
              + ". Check quotes, commas and braces, that no name is there twice and that nothing"
              + " follows.");
    }
  }

  private static @Nullable String wrongWithContainerfile(String text) {
    return switch (Containerfile.read(text)) {
      case Containerfile.Reading.Good good -> null;
      case Containerfile.Reading.Bad bad ->
          "Line " + bad.problem().line() + ": " + bad.problem().reason();
    };
  }

  private static @Nullable String wrongWithTarget(String target, @Nullable String containerfile) {
    if (containerfile != null
        && Containerfile.read(containerfile)
            instanceof Containerfile.Reading.Good(Containerfile file)
        && !file.hasTarget(target)) {
      return "The Containerfile has no such stage.";
    }
    return null;
  }
}
