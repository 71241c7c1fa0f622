package dev.grange.domain.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NamesTest {

  @ParameterizedTest
  @ValueSource(strings = {"hello", "team/hello", "a.b_c__d-e--f", "0", "rhcos/layered/kernel-rt"})
  void imagesThatARegistryTakesAreTaken(String image) {
    assertThat(Names.wrongWithImage(image)).isNull();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "Hello",
        "a//b",
        "/a",
        "a/",
        "a..b",
        "a___b",
        "-a",
        "a-",
        "a:1",
        "a@sha256:0",
        "é",
        "a b",
        "../a",
        "quay.io:443/a",
        "a\n"
      })
  void imagesThatARegistryRefusesAreRefused(String image) {
    assertThat(Names.wrongWithImage(image)).isNotNull();
  }

  @ParameterizedTest
  @ValueSource(strings = {"latest", "1.0", "_x", "A-b.c"})
  void tagsThatARegistryTakesAreTaken(String tag) {
    assertThat(Names.wrongWithTag(tag)).isNull();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "-a", ".a", "a b", "a/b", "a:b", "a\n"})
  void tagsThatARegistryRefusesAreRefused(String tag) {
    assertThat(Names.wrongWithTag(tag)).isNotNull();
  }

  @Test
  void lengthsEnd() {
    assertThat(Names.wrongWithTag("a".repeat(128))).isNull();
    assertThat(Names.wrongWithTag("a".repeat(129))).isNotNull();
    assertThat(Names.wrongWithImage("a".repeat(180))).isNull();
    assertThat(Names.wrongWithImage("a".repeat(181))).isNotNull();
    assertThat(Names.wrongWithProject("a".repeat(63))).isNull();
    assertThat(Names.wrongWithProject("a".repeat(64))).isNotNull();
    assertThat(Names.wrongWithValue("a".repeat(Names.MAX_VALUE_LENGTH + 1))).isNotNull();
    assertThat(Names.wrongWithValue("\0")).isNotNull();
    assertThat(Names.wrongWithValue("")).isNull();
  }

  @ParameterizedTest
  @ValueSource(strings = {"linux/amd64", "linux/arm/v7", "linux/s390x", "linux/x86_64"})
  void platformsOfLinuxAreTaken(String platform) {
    assertThat(Names.wrongWithPlatform(platform)).isNull();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "amd64", "windows/amd64", "linux/", "linux/arm/7", "linux/amd64/v1/x"})
  void otherPlatformsAreRefused(String platform) {
    assertThat(Names.wrongWithPlatform(platform)).isNotNull();
  }

  @Test
  void digestsArgumentsAndLabelsHaveTheirGrammar() {
    assertThat(Names.wrongWithDigest("sha256:" + "0a".repeat(32))).isNull();
    assertThat(Names.wrongWithDigest("sha256:" + "0A".repeat(32))).isNotNull();
    assertThat(Names.wrongWithDigest("sha512:" + "0a".repeat(32))).isNotNull();
    assertThat(Names.wrongWithArgument("HTTP_PROXY")).isNull();
    assertThat(Names.wrongWithArgument("1A")).isNotNull();
    assertThat(Names.wrongWithArgument("A=B")).isNotNull();
    assertThat(Names.wrongWithLabel("org.opencontainers.image.title")).isNull();
    assertThat(Names.wrongWithLabel("a b")).isNotNull();
    assertThat(Names.wrongWithLabel("a=b")).isNotNull();
    assertThat(Names.wrongWithLabel("")).isNotNull();
  }

  @Test
  void aHostileNameCostsNoTime() {
    String hostile = "a-".repeat(60_000) + "!";
    Assertions.assertTimeoutPreemptively(
        Duration.ofSeconds(1),
        () -> {
          Names.wrongWithImage(hostile);
          Names.wrongWithLabel(hostile);
        });
  }
}
