package dev.grange.api.build;

import dev.grange.api.access.Caller;
import dev.grange.api.body.Body;
import dev.grange.api.body.Fields;
import dev.grange.api.farm.FarmSettings;
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

  private final BuildSettings settings;
  private final FarmSettings farm;

  SubmissionReader(BuildSettings settings, FarmSettings farm) {
    this.settings = settings;
    this.farm = farm;
  }

  Submission read(InputStream body, Caller caller) throws IOException {
    byte[] bytes =
        Body.bytes(
            body,
            settings.maxBodyBytes(),
            "A submission has at most "
                + settings.maxBodyBytes()
                + " bytes. Files belong into a context.");
    Fields fields = new Fields(Body.parse(bytes), "Submission");
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
