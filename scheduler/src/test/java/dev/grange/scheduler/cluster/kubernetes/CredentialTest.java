package dev.grange.scheduler.cluster.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CredentialTest {
  private static final String KUBECONFIG =
      """
      apiVersion: v1
      kind: Config
      current-context: it
      clusters:
        - {name: c, cluster: {server: "https://192.0.2.1:6443"}}
      contexts:
        - {name: it, context: {cluster: c, user: farm}}
      users:
        - name: farm
          user: %s
      """;

  @TempDir Path folder;

  @Test
  void aTokenOfAKubeconfigIsUsed() throws IOException {
    assertThat(credential("{token: secret-word}").load().getAutoOAuthToken())
        .isEqualTo("secret-word");
  }

  @Test
  void aKubeconfigThatNamesAProgramIsRefusedAndTheProgramDoesNotRun() throws IOException {
    Path ran = folder.resolve("ran");
    String user =
        "{exec: {apiVersion: client.authentication.k8s.io/v1, command: touch, args: [%s]}}"
            .formatted(ran);

    Credential credential = credential(user);
    assertThatThrownBy(credential::load)
        .isInstanceOf(IOException.class)
        .hasMessageContaining("make-kubeconfig");
    assertThat(ran).doesNotExist();
  }

  @Test
  void aNewTokenInTheFileIsNoticed() throws IOException {
    Credential credential = credential("{token: first}");
    assertThat(credential.load().getAutoOAuthToken()).isEqualTo("first");
    assertThat(credential.hasChanged()).isFalse();

    Files.writeString(folder.resolve("kubeconfig"), KUBECONFIG.formatted("{token: the-second}"));

    assertThat(credential.hasChanged()).isTrue();
    assertThat(credential.load().getAutoOAuthToken()).isEqualTo("the-second");
  }

  @Test
  void whatIsNoKubeconfigIsNamedAndNotQuoted() throws IOException {
    Path file = Files.writeString(folder.resolve("kubeconfig"), "token: [secret-word");

    assertThatThrownBy(credential(file)::load)
        .isInstanceOf(IOException.class)
        .hasMessageContaining(file.toString())
        .hasMessageNotContaining("secret-word");
  }

  private Credential credential(String user) throws IOException {
    return credential(Files.writeString(folder.resolve("kubeconfig"), KUBECONFIG.formatted(user)));
  }

  private static Credential credential(Path kubeconfig) {
    return new Credential(
        KubernetesConfig.parse(
            """
            {"credential": {"kubeconfig_file": "%s"}, "namespace": "n", "worker_image": "w"}
            """
                .formatted(kubeconfig)));
  }
}
