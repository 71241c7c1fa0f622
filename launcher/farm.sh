# The farm of this machine: up, down, status, demo. Sourced. The supervisor itself is a Java program.
# shellcheck shell=bash

: "${root:?}" "${farm_jar:?}"

# The command line of the supervisor in `supervisor`. Its cache is made by an earlier start; without it everything works as well.
supervisor_command() {
  local cache=$root/standalone/target/supervisor.aot
  supervisor=("$JAVA_HOME/bin/java" "@$root/standalone/jvm.options")
  [[ ! -s $cache ]] || supervisor+=("-XX:AOTCache=$cache")
  supervisor+=(-jar "$farm_jar")
  export GRANGE_APPS=$root
}

supervisor() {
  supervisor_command
  "${supervisor[@]}" "$@"
}

# The process id in farm.json, which is there while the farm is ready.
farm_pid() {
  local text
  [[ -r $GRANGE_HOME/farm.json ]] || return 1
  text=$(<"$GRANGE_HOME/farm.json")
  [[ $text =~ \"pid\"[[:space:]]*:[[:space:]]*([0-9]+) && -e /proc/${BASH_REMATCH[1]} ]] || return 1
  printf '%s' "${BASH_REMATCH[1]}"
}

prepare() {
  require
  build_client
  # Not under a running farm: it still loads classes from the files that would be replaced.
  if farm_changed && farm_pid >/dev/null; then
    say "the farm runs older code: stopping it"
    supervisor down >&2
  fi
  build_farm
}

farm_up() {
  case "${1:-} $#" in
    ' 0')
      prepare
      supervisor_command
      exec "${supervisor[@]}" up
      ;;
    '-d 1' | '--detach 1')
      prepare
      start_farm
      ;;
    *) fail 2 "usage: $GRANGE_COMMAND up [-d]" ;;
  esac
}

start_farm() {
  local pid log=$GRANGE_HOME/log/up.log began=$SECONDS
  if farm_pid >/dev/null; then
    say "the farm runs already"
    return
  fi
  (umask 077 && mkdir -p "$GRANGE_HOME/log")
  # A session of its own: neither Ctrl-C nor the end of this terminal reaches it.
  supervisor_command
  setsid "${supervisor[@]}" up >"$log" 2>&1 </dev/null &
  pid=$!
  disown
  while [[ $(farm_pid) != "$pid" ]]; do
    if ! kill -0 "$pid" 2>/dev/null || ((SECONDS - began > 180)); then
      kill "$pid" 2>/dev/null || true
      tail -n 30 "$log" >&2
      fail 7 "the farm does not start; all of its output is in $log"
    fi
    sleep 0.1
  done
  say "the farm is ready after $((SECONDS - began)) s; stop it with: $GRANGE_COMMAND down"
}

farm_down() {
  (($# == 0)) || fail 2 "usage: $GRANGE_COMMAND down"
  find_java
  if [[ -e $farm_jar ]]; then supervisor down; else say "is not running"; fi
}

farm_status() {
  (($# == 0)) || fail 2 "usage: $GRANGE_COMMAND status"
  find_java
  if [[ -e $farm_jar ]]; then supervisor status; else fail 3 "is not running; start it with: $GRANGE_COMMAND up -d"; fi
}

farm_demo() {
  case " $* " in
    *' -h '* | *' --help '*)
      build_client
      client demo --help
      ;;
  esac
  prepare
  start_farm
  client demo "$@"
}
