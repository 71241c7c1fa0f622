# Settings and small helpers. Sourced.
# shellcheck shell=bash

# Clusters are the machine's: names, interfaces and addresses are shared by all users, so their state is as well.
home=${GRANGE_TESTBED_HOME:-/var/lib/grange-testbed}
cache=${GRANGE_CACHE:-${HOME:-/root}/.cache/grange}/testbed

net=${GRANGE_TESTBED_NET:-10.200}         # this machine NET.0.1, NET.INDEX.1; node NET.INDEX.2
pod_net=${GRANGE_TESTBED_POD_NET:-10.201} # pods POD_NET.INDEX.0/24
service_net=10.96
farm_address=$net.0.1
sink_if=grange-sink
pause_image=localhost/grange-testbed/pause:1
cni_bin=${CNI_BIN_DIR:-/usr/lib/cni}
components=(etcd apiserver kcm scheduler containerd kubelet)

say() { printf 'testbed: %s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}
usage_error() {
  say "$*; see: grange testbed help"
  exit 2
}
now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f", b - a }'; }

# Usage: need PROGRAM PACKAGE
need() { command -v "$1" >/dev/null || die "$1 is missing: apt-get install --no-install-recommends $2"; }
need_root() { ((EUID == 0)) || die "this needs root: it makes network namespaces, mounts and cgroups"; }

# What clusters share is changed by one at a time. The lock is held by the subshell only, never by a daemon.
locked() {
  mkdir -p "$home"
  (
    flock 9
    "$@"
  ) 9>"$home/.lock"
}

# ── Processes: a file holds "PID STARTTIME", so that a number that is used again is never taken for ours.

process_start() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  stat=${stat##*) }
  [[ ${stat%% *} != Z ]] || return 1
  awk '{ print $20 }' <<<"$stat"
}

write_pid() { # write_pid FILE PID
  local start
  start=$(process_start "$2") || return 1
  echo "$2 $start" >"$1"
}

read_pid() { # prints the number while that very process runs
  local pid start
  [[ -f $1 ]] && read -r pid start <"$1" || return 1
  [[ $(process_start "$pid") == "$start" ]] || return 1
  echo "$pid"
}

end_process() { # end_process FILE: at once
  local pid i
  if pid=$(read_pid "$1"); then
    kill -KILL "$pid" 2>/dev/null || true
    for ((i = 0; i < 200; i++)); do
      read_pid "$1" >/dev/null || break
      sleep 0.05
    done
    ! read_pid "$1" >/dev/null || die "process $pid does not end"
  fi
  rm -f "$1"
}

# ── Clusters

check_name() {
  [[ ${1:-} =~ ^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$ ]] || usage_error "not a cluster's name: '${1:-}'"
}

# What a name and an index make. The sourced parts read these.
# shellcheck disable=SC2034
set_cluster() {
  name=$1 index=$2
  state=$home/$name
  netns=grange-$name
  host_if=grange-v$index
  host_ip=$net.$index.1
  node_ip=$net.$index.2
  pod_cidr=$pod_net.$index.0/24
  node=$name-node
  cgroup=grange-testbed-$name
  socket=$state/containerd.sock
}

use_cluster() {
  check_name "${1:-}"
  [[ -f $home/$1/index ]] || die "there is no cluster '$1'"
  set_cluster "$1" "$(<"$home/$1/index")"
}

clusters() {
  local file
  for file in "$home"/*/index; do
    [[ ! -f $file ]] || basename "${file%/index}"
  done
}
