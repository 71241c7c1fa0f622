package dev.grange.domain.containerfile;

import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A Containerfile that has been read. Lines count from 1.
 *
 * @param stages in order of appearance, at least one
 */
public record Containerfile(List<Stage> stages, List<Instruction> instructions) {

  /** The worker gets the text in one file; anything larger than this is not written by people. */
  public static final int MAX_LENGTH = 1024 * 1024;

  public Containerfile {
    stages = List.copyOf(stages);
    instructions = List.copyOf(instructions);
  }

  /**
   * One image that is built on the way.
   *
   * @param line where the FROM starts
   * @param base as written: an image, an earlier stage's name, or an expression over ARGs
   * @param name after AS, in lower case
   */
  public record Stage(int line, String base, @Nullable String name) {}

  /**
   * One instruction of the file.
   *
   * @param keyword in upper case
   * @param arguments the rest, continuation lines joined, without here-documents
   */
  public record Instruction(int line, String keyword, String arguments) {}

  /** What is wrong and where. */
  public record Problem(int line, String reason) {}

  /** Either the file or the first thing that is wrong with it. */
  public sealed interface Reading {
    record Good(Containerfile containerfile) implements Reading {}

    record Bad(Problem problem) implements Reading {}
  }

  public static Reading read(String text) {
    try {
      return new Reading.Good(new Parser(text).parse());
    } catch (Parser.Refused e) {
      return new Reading.Bad(e.problem);
    }
  }

  /** Whether {@code --target} finds a stage: by name, or by number from 0. */
  public boolean hasTarget(String target) {
    String wanted = target.toLowerCase(Locale.ROOT);
    for (int i = 0; i < stages.size(); i++) {
      if (wanted.equals(stages.get(i).name()) || wanted.equals(Integer.toString(i))) {
        return true;
      }
    }
    return false;
  }
}
