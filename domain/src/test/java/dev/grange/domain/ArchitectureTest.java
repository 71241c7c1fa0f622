package dev.grange.domain;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaCall;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ArchitectureTest {

  private static final JavaClasses DOMAIN =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("dev.grange.domain");

  private static final Set<String> TIME =
      Set.of(
          "java.lang.System.currentTimeMillis",
          "java.lang.System.nanoTime",
          "java.util.Date.<init>",
          "java.time.Clock.systemUTC",
          "java.time.Clock.systemDefaultZone",
          "java.time.Clock.system");

  private static final Set<String> CHANCE =
      Set.of(
          "java.lang.Math.random",
          "java.util.UUID.randomUUID",
          "java.util.Random.<init>",
          "java.security.SecureRandom.<init>",
          "java.util.concurrent.ThreadLocalRandom.current",
          "java.util.random.RandomGenerator.getDefault",
          "java.util.random.RandomGenerator.of",
          "java.util.SplittableRandom.<init>");

  @Test
  void importsTheJdkAndJSpecifyOnly() {
    classes()
        .should()
        .onlyDependOnClassesThat()
        .resideInAnyPackage("java..", "org.jspecify..", "dev.grange.domain..")
        .check(DOMAIN);
  }

  @Test
  void touchesNoNetworkDatabaseOrFile() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("java.net..", "java.sql..", "javax.sql..", "java.nio.channels..")
        .orShould()
        .dependOnClassesThat()
        .haveNameMatching("java\\.nio\\.file\\.Files|java\\.io\\.(File|RandomAccess).*")
        .check(DOMAIN);
  }

  @Test
  void hasNoCyclesBetweenItsPackages() {
    slices()
        .matching("dev.grange.domain.(*)..")
        .should()
        .beFreeOfCycles()
        .allowEmptyShould(true)
        .check(DOMAIN);
  }

  @Test
  void readsNoSettingsAndStartsNothing() {
    noClasses()
        .should()
        .callCodeUnitWhere(
            describe(
                "reads the environment or starts a thread or a process",
                call ->
                    Set.of(
                            "java.lang.System.getenv",
                            "java.lang.System.getProperty",
                            "java.lang.Thread.start",
                            "java.lang.Thread.sleep",
                            "java.lang.ProcessBuilder.start")
                        .contains(name(call))))
        .check(DOMAIN);
  }

  @Test
  void readsTimeOnlyFromAClockThatIsHandedIn() {
    noClasses()
        .should()
        .callCodeUnitWhere(describe("reads the time", ArchitectureTest::readsTime))
        .check(DOMAIN);
  }

  @Test
  void takesChanceOnlyFromWhatIsHandedIn() {
    noClasses()
        .should()
        .callCodeUnitWhere(describe("throws dice", call -> CHANCE.contains(name(call))))
        .check(DOMAIN);
  }

  /** {@code Instant.now(clock)} is fine; {@code now()} and {@code now(zone)} are not. */
  private static boolean readsTime(JavaCall<?> call) {
    boolean now =
        call.getTarget().getName().equals("now")
            && call.getTargetOwner().getPackageName().startsWith("java.time")
            && call.getTarget().getRawParameterTypes().stream()
                .noneMatch(type -> type.getFullName().equals("java.time.Clock"));
    return now || TIME.contains(name(call));
  }

  private static String name(JavaCall<?> call) {
    return call.getTargetOwner().getFullName() + "." + call.getTarget().getName();
  }
}
