package dev.grange.cli;

import dev.grange.cli.farm.Surroundings;
import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/**
 * Completion for shells. The generated script serves both: for zsh it switches on zsh's own bash
 * emulation.
 */
@Command(
    name = "completion",
    description = "Print a completion script: source <(grange completion bash).")
final class CompletionCommand implements Runnable {

  enum Shell {
    BASH,
    ZSH
  }

  private final Surroundings surroundings;

  @Parameters(paramLabel = "SHELL", description = "bash or zsh.")
  Shell shell;

  CompletionCommand(Surroundings surroundings) {
    this.surroundings = surroundings;
    this.shell = Shell.BASH;
  }

  @Override
  public void run() {
    if (shell == Shell.ZSH) {
      surroundings.out().println("autoload -Uz compinit bashcompinit && compinit && bashcompinit");
    }
    surroundings.out().println(AutoComplete.bash("grange", Main.commandLine(surroundings)));
  }
}
