# What the launcher tells people: on stderr, because stdout is for data. Sourced.
# shellcheck shell=bash

say() { printf 'grange: %s\n' "$*" >&2; }

# The exit status is part of the interface (docs/cli.md).
fail() {
  local status=$1
  shift
  say "$*"
  exit "$status"
}

# Runs a command with its output in a file and a sign of life on stderr. Usage: with_progress WHAT LOG COMMAND…
with_progress() {
  local what=$1 log=$2 pid began=$SECONDS status=0 spoken=0
  shift 2
  mkdir -p "${log%/*}"
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  # shellcheck disable=SC2064 # expanded now: pid is local
  trap "kill $pid 2>/dev/null || true; exit 130" INT TERM
  [[ $GRANGE_TERMINAL == *stderr ]] || say "$what"
  while kill -0 "$pid" 2>/dev/null; do
    if [[ $GRANGE_TERMINAL == *stderr ]]; then
      printf '\r\033[Kgrange: %s · %d s' "$what" $((SECONDS - began)) >&2
    elif ((SECONDS - began >= spoken + 30)); then
      spoken=$((SECONDS - began))
      say "$what · $spoken s"
    fi
    sleep 0.2
  done
  wait "$pid" || status=$?
  trap - INT TERM
  [[ $GRANGE_TERMINAL != *stderr ]] || printf '\r\033[K' >&2
  if ((status != 0)); then
    tail -n 30 "$log" >&2
    say "that failed; all of it is in $log"
  fi
  return "$status"
}
