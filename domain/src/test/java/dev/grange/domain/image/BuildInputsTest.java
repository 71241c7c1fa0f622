package dev.grange.domain.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class BuildInputsTest {

  private static final String CONTEXT = "sha256:" + "ab".repeat(32);

  private static BuildInputs inputs() {
    return new BuildInputs(
        "FROM scratch\n",
        CONTEXT,
        Map.of("A", "1"),
        Map.of("l", "2"),
        "t",
        "linux/amd64",
        Map.of());
  }

  @Test
  void theDigestIsPinnedSoThatResultsStayFound() {
    assertThat(inputs().digest())
        .isEqualTo("sha256:edaedb8a67ddbcb51d244a058ab92aa603e67183c7f2714e0dd5322d65a2cf2b");
  }

  @Test
  void everyInputChangesTheDigest() {
    BuildInputs i = inputs();
    List<BuildInputs> variants =
        List.of(
            i,
            new BuildInputs(
                "FROM b\n", i.context(), i.args(), i.labels(), "t", i.platform(), Map.of()),
            new BuildInputs(
                i.containerfile(), null, i.args(), i.labels(), "t", i.platform(), Map.of()),
            new BuildInputs(
                i.containerfile(), CONTEXT, Map.of(), i.labels(), "t", i.platform(), Map.of()),
            new BuildInputs(
                i.containerfile(), CONTEXT, i.args(), Map.of(), "t", i.platform(), Map.of()),
            new BuildInputs(
                i.containerfile(), CONTEXT, i.labels(), i.args(), "t", i.platform(), Map.of()),
            new BuildInputs(
                i.containerfile(), CONTEXT, i.args(), i.labels(), null, i.platform(), Map.of()),
            new BuildInputs(
                i.containerfile(), CONTEXT, i.args(), i.labels(), "t", "linux/arm64", Map.of()),
            new BuildInputs(
                i.containerfile(),
                CONTEXT,
                i.args(),
                i.labels(),
                "t",
                i.platform(),
                Map.of("f", "x")));
    Set<String> digests = new HashSet<>();
    variants.forEach(v -> digests.add(v.digest()));
    assertThat(digests).hasSameSizeAs(variants);
  }

  @Test
  void theOrderOfKeysDoesNotCount() {
    Map<String, Object> one = new LinkedHashMap<>();
    one.put("b", 1);
    one.put("a", List.of("x", true));
    Map<String, Object> other = new LinkedHashMap<>();
    other.put("a", List.of("x", true));
    other.put("b", 1);
    assertThat(CanonicalJson.write(one)).isEqualTo("{\"a\":[\"x\",true],\"b\":1}");
    assertThat(CanonicalJson.sha256(one)).isEqualTo(CanonicalJson.sha256(other));
  }

  @Test
  void textIsEscapedInOneWay() {
    assertThat(CanonicalJson.write(Arrays.asList("\"\\\n\r\t\b\f\u0001é/", null, 7L)))
        .isEqualTo("[\"\\\"\\\\\\n\\r\\t\\b\\f\\u0001é/\",null,7]");
  }

  @Test
  void whatHasNoOneSpellingIsRefused() {
    assertThatThrownBy(() -> CanonicalJson.write(1.5)).isInstanceOf(IllegalArgumentException.class);
  }
}
