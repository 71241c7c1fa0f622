package dev.grange.scheduler;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

class ArchitectureTest {

  @Test
  void onlyOnePackageKnowsTheKubernetesApi() {
    noClasses()
        .that()
        .resideOutsideOfPackage("dev.grange.scheduler.cluster.kubernetes")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("io.fabric8..")
        .check(
            new ClassFileImporter()
                .withImportOption(new ImportOption.DoNotIncludeTests())
                .importPackages("dev.grange.scheduler"));
  }
}
