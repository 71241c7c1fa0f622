package dev.grange.domain.containerfile;

import static org.assertj.core.api.Assertions.assertThat;

import dev.grange.domain.containerfile.Containerfile.Problem;
import dev.grange.domain.containerfile.Containerfile.Reading;
import dev.grange.domain.containerfile.Containerfile.Stage;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ContainerfileTest {

  private static Containerfile good(String text) {
    Reading reading = Containerfile.read(text);
    assertThat(reading).isInstanceOf(Reading.Good.class);
    return ((Reading.Good) reading).containerfile();
  }

  private static Problem bad(String text) {
    Reading reading = Containerfile.read(text);
    assertThat(reading).isInstanceOf(Reading.Bad.class);
    return ((Reading.Bad) reading).problem();
  }

  @Test
  void aFromAloneIsAContainerfile() {
    assertThat(good("FROM scratch").stages()).containsExactly(new Stage(1, "scratch", null));
  }

  @Test
  void stagesHaveNamesInLowerCaseAndKeepTheirLines() {
    Containerfile file =
        good("ARG V=9\n\n# base\nFROM --platform=linux/amd64 ubi:$V AS Base\nfrom Base as final\n");
    assertThat(file.stages())
        .containsExactly(new Stage(4, "ubi:$V", "base"), new Stage(5, "Base", "final"));
    assertThat(file.hasTarget("BASE")).isTrue();
    assertThat(file.hasTarget("1")).isTrue();
    assertThat(file.hasTarget("2")).isFalse();
    assertThat(file.hasTarget("other")).isFalse();
  }

  @Test
  void continuedLinesAreOneInstructionAndTheirCommentsAreLeftOut() {
    Containerfile file = good("FROM scratch\nRUN a && \\\n# why\n\n  b \\  \n c\nUSER 1\n");
    assertThat(file.instructions().get(1).arguments()).isEqualTo("a &&   b  c");
    assertThat(file.instructions().get(2).line()).isEqualTo(7);
  }

  @Test
  void aContinuationAtTheEndOfTheFileEndsThere() {
    good("FROM scratch\nRUN a \\");
  }

  @Test
  void theEscapeDirectiveChangesWhatContinues() {
    Containerfile file = good("# escape=`\nFROM scratch\nRUN dir c:\\\nRUN a `\n b\n");
    assertThat(file.instructions()).hasSize(3);
  }

  @Test
  void hereDocumentsAreSkippedAndTheirTextIsNoInstruction() {
    Containerfile file =
        good(
            """
            FROM scratch
            RUN <<EOF
            FORM this is not an instruction
            EOF
            COPY <<"A" <<-B /etc/
            x
            A
            y
            \tB
            USER 1
            """);
    assertThat(file.instructions()).hasSize(4);
    assertThat(file.instructions().getLast().line()).isEqualTo(10);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "RUN echo $((1 << 2))",
        "RUN echo \"<<EOF\"",
        "RUN cat <<< word",
        "RUN [\"sh\", \"-c\", \"cat <<EOF\"]",
        "RUN echo 'it''s' && x=\"a \\\" <<EOF b\"",
        "RUN --mount=type=cache,target=/x make",
        "CMD",
        "CMD []",
        "ENTRYPOINT [\"/a\"]",
        "ENV A=1 B=\"x y\" C=\\ d",
        "ENV A some text",
        "LABEL a.b=\"c d\"",
        "HEALTHCHECK NONE",
        "HEALTHCHECK --interval=5s CMD curl x",
        "ONBUILD COPY . /x",
        "SHELL [\"/bin/bash\", \"-c\"]",
        "COPY --chown=1:1 a b /c/",
        "COPY --from=quay.io/x/y:1 /a /b",
        "COPY [\"a b\", \"/c\"]",
        "ADD https://example.com/a /b",
        "ARG A B=1",
        "EXPOSE 80/tcp 81",
        "VOLUME /a",
        "STOPSIGNAL SIGTERM",
        "WORKDIR /a b",
        "MAINTAINER me"
      })
  void ordinaryInstructionsAreAccepted(String instruction) {
    good("FROM scratch\n" + instruction + "\n");
    good("\uFEFFFROM scratch\r\n" + instruction + "\r\n");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "FORM scratch|1|Unknown instruction \"FORM\"",
        "RUN x|1|before the first FROM",
        "# nothing|1|There is no instruction",
        "ARG A=1|1|There is no FROM",
        "FROM|1|FROM needs an argument",
        "FROM a b|1|there are 2 words",
        "FROM a AS 1x|1|stage's name",
        "FROM a AS scratch|1|stage's name",
        "FROM --os=x a|1|knows one flag",
        "FROM a;RUN|2|RUN needs an argument",
        "FROM a;RUN --network=none|2|no command",
        "FROM a;;COPY a|3|at least one source",
        "FROM a;COPY --from=0 a b|2|names no earlier stage",
        "FROM a;FROM b;COPY --from=7 a b|3|names no earlier stage",
        "FROM a AS me;COPY --from=me a b|2|names the stage that it stands in",
        "FROM a;ENV A|2|has no value",
        "FROM a;ENV A=1 B|2|has no '='",
        "FROM a;LABEL =x|2|has no key",
        "FROM a;ARG 1=2|2|ARG needs a name",
        "FROM a;SHELL bash|2|JSON form",
        "FROM a;HEALTHCHECK curl|2|HEALTHCHECK is written",
        "FROM a;ONBUILD FROM b|2|cannot carry FROM",
        "FROM a;ONBUILD NOPE b|2|unknown instruction",
        "FROM a;RUN <<EOF;x;y|2|never ended",
        "FROM a;COPY a <<EOF;x;EOF|2|no destination",
        "# escape=x;FROM a|1|escape directive",
        "# escape=`;# escape=`;FROM a|2|there twice"
      })
  void aBrokenFileIsRefusedWithLineAndReason(String text, int line, String reason) {
    Problem problem = bad(text.replace(';', '\n'));
    assertThat(problem.reason()).contains(reason);
    assertThat(problem.line()).isEqualTo(line);
  }

  @Test
  void binariesAndGiantsAreRefused() {
    assertThat(bad("FROM a\nRUN \0").line()).isEqualTo(2);
    assertThat(bad("#".repeat(Containerfile.MAX_LENGTH + 1)).reason()).contains("at most");
  }

  @Test
  void messagesQuoteNoMoreThanTheyMustAndNoControlCharacters() {
    Problem problem = bad("\u001b[31m" + "X".repeat(1000) + " y");
    assertThat(problem.reason()).hasSizeLessThan(120).doesNotContain("\u001b");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"\\\n", "a=", "<<A ", "\"", "FROM a\n", "# escape=\\\n", "'\\", "RUN <<A\n"})
  void aMegabyteOfAnythingIsReadInLinearTime(String piece) {
    String text = "FROM a\nRUN " + piece.repeat(Containerfile.MAX_LENGTH / piece.length() - 8);
    Assertions.assertTimeoutPreemptively(Duration.ofSeconds(5), () -> Containerfile.read(text));
  }

  @Test
  void noTextMakesItFailOtherwiseThanByRefusing() {
    Random random = new Random(7);
    String[] pieces = {
      "FROM ",
      "a",
      "\n",
      " ",
      "\\",
      "\"",
      "'",
      "<<",
      "EOF",
      "RUN ",
      "COPY ",
      "--from=",
      "=",
      "#",
      "[",
      "]",
      "ENV ",
      "ARG ",
      "ONBUILD ",
      "HEALTHCHECK ",
      "\r",
      "\t",
      "`",
      "é",
      "0",
      "AS "
    };
    for (int i = 0; i < 20_000; i++) {
      StringBuilder text = new StringBuilder();
      for (int j = random.nextInt(30); j >= 0; j--) {
        text.append(pieces[random.nextInt(pieces.length)]);
      }
      assertThat(Containerfile.read(text.toString())).isNotNull();
    }
  }
}
