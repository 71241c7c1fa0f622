# The programs that a farm needs on its machine: found, installed (root on a Debian-like system), or named. Sourced.
# shellcheck shell=bash

: "${state:?}"

# A dynamically linked program names its loader near its head.
static_busybox() {
  local path
  path=$(command -v busybox) && ! head -c 4096 "$path" | grep -aq '/ld-'
}

# The Debian packages of what is missing, one on each line.
missing_packages() {
  local program
  for program in buildah skopeo docker-registry jq tar; do
    command -v "$program" >/dev/null || printf '%s\n' "$program"
  done
  static_busybox || echo busybox-static
  command -v setpriv >/dev/null && command -v unshare >/dev/null && command -v flock >/dev/null || echo util-linux
  [[ $EUID == 0 ]] || command -v newuidmap >/dev/null || echo uidmap
  # mvnw obtains the pinned Maven through any other Maven.
  command -v mvn >/dev/null || [[ -n ${MVNW_REPOURL:-} ]] ||
    compgen -G "${MAVEN_USER_HOME:-$HOME/.m2}/wrapper/dists/apache-maven-*" >/dev/null || echo maven
  for program in "$@"; do
    command -v "${program%%:*}" >/dev/null || printf '%s\n' "${program#*:}"
  done
}

# Usage: require [PROGRAM[:PACKAGE]…], where a program whose package is not given is in one of its name.
require() {
  local missing log=$state/packages.log
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]})) || return 0
  if [[ $EUID == 0 ]] && command -v apt-get >/dev/null; then
    with_progress "installing ${missing[*]}" "$log" install_debian "${missing[@]}" || exit 9
    mapfile -t missing < <(missing_packages "$@")
    ((${#missing[@]} == 0)) || fail 9 "after the installation still missing: ${missing[*]}; see $log"
    return 0
  fi
  say "missing on this machine: ${missing[*]}"
  fail 9 "install them with: $(install_command "${missing[@]}")"
}

install_debian() {
  export DEBIAN_FRONTEND=noninteractive
  # Debian starts what it installs (containerd, etcd); the farm starts what it needs, and nothing else is wanted.
  local policy=/usr/sbin/policy-rc.d
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    # shellcheck disable=SC2064 # expanded now: it is local
    trap "rm -f $policy" EXIT # of the subshell that with_progress makes
  fi
  local install=(apt-get install -y --no-install-recommends -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@")
  # The lists may be missing or older than the archive.
  "${install[@]}" || { apt-get update && "${install[@]}"; }
}

install_command() {
  local packages=" $* " sudo=
  [[ $EUID == 0 ]] || sudo='sudo '
  if command -v apt-get >/dev/null; then
    echo "${sudo}apt-get install -y$packages"
  elif command -v dnf >/dev/null; then
    packages=${packages/ docker-registry / distribution }
    packages=${packages/ uidmap / shadow-utils }
    packages=${packages/ shellcheck / ShellCheck }
    echo "${sudo}dnf install -y${packages/ busybox-static / busybox }"
  elif command -v zypper >/dev/null; then
    packages=${packages/ docker-registry / distribution-registry }
    packages=${packages/ uidmap / shadow }
    packages=${packages/ shellcheck / ShellCheck }
    echo "${sudo}zypper install -y$packages"
  elif command -v pacman >/dev/null; then
    packages=${packages/ docker-registry / distribution }
    packages=${packages/ uidmap / shadow }
    echo "${sudo}pacman -S --needed${packages/ busybox-static / busybox }"
  else
    echo "your system's package manager; in Debian's words:$packages"
  fi
}
