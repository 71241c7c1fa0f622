# Finds a JDK that is new enough. Sourced; sets JAVA_HOME.
# shellcheck shell=bash

java_release=25

# The release of a JDK, read from its own description: to ask java itself would take longer than a client command.
release_of() {
  local line
  [[ -x $1/bin/javac && -r $1/release ]] || return 1
  while IFS= read -r line; do
    if [[ $line =~ ^JAVA_VERSION=\"([0-9]+) ]]; then
      printf '%s' "${BASH_REMATCH[1]}"
      return
    fi
  done <"$1/release"
  return 1
}

find_java() {
  local candidate release on_path=
  if candidate=$(command -v javac); then
    on_path=$(readlink -f "$candidate")
    on_path=${on_path%/bin/javac}
  fi
  for candidate in "${JAVA_HOME:-}" "$on_path" /usr/lib/jvm/* "$HOME"/.sdkman/candidates/java/* "$HOME"/.jdks/* \
    /opt/*jdk* /opt/java/* /Library/Java/JavaVirtualMachines/*/Contents/Home; do
    [[ -n $candidate ]] || continue
    if release=$(release_of "$candidate") && ((release >= java_release)); then
      export JAVA_HOME=$candidate
      return
    fi
  done
  say "Grange needs a JDK of release $java_release or later, and found none (JAVA_HOME, PATH, /usr/lib/jvm, ~/.sdkman, ~/.jdks)."
  say "Install one, for example:"
  say "  Debian, Ubuntu    apt-get install openjdk-$java_release-jdk-headless, or temurin-$java_release-jdk from Adoptium's repository"
  say "  Fedora, RHEL      dnf install java-$java_release-openjdk-devel"
  say "  openSUSE          zypper install java-$java_release-openjdk-devel"
  say "  Arch              pacman -S jdk-openjdk"
  say "  anywhere          sdk install java $java_release-tem"
  fail 9 "or set JAVA_HOME to one that is elsewhere."
}
