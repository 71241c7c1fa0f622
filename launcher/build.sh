# Builds what changed and nothing else, and starts the client. Sourced.
# shellcheck shell=bash

: "${root:?}"
state=$root/target/launcher
client_jar=$root/cli/target/grange-cli.jar
client_cache=$root/cli/target/grange-cli.aot
farm_jar=$root/standalone/target/grange-standalone.jar
farm_modules=(domain events registry db-migrations embedded store build-service scheduler standalone)

# Whether a source is newer than a stamp. A directory's own time tells of files that were deleted.
changed_since() {
  local stamp=$1 module paths=("$root/pom.xml")
  shift
  [[ -e $stamp ]] || return 0
  for module in "$@"; do paths+=("$root/$module/pom.xml" "$root/$module/src"); done
  [[ -n $(find "${paths[@]}" -newer "$stamp" -print -quit) ]]
}

client_changed() { [[ ! -e $client_jar ]] || changed_since "$state/client" cli; }
farm_changed() {
  [[ ! -e $farm_jar || ! -e $root/build-service/target/quarkus-app/quarkus-run.jar ||
    ! -e $root/scheduler/target/quarkus-app/quarkus-run.jar ]] || changed_since "$state/farm" "${farm_modules[@]}"
}

# Usage: build_modules STAMP WHAT CHECK MODULE…
build_modules() {
  local stamp=$state/$1 what=$2 check=$3 modules lock
  shift 3
  "$check" || return 0
  modules=$(IFS=,; printf '%s' "$*")
  if ! mkdir -p "$state" 2>/dev/null || [[ ! -w $state ]]; then
    fail 9 "the sources in $root changed, and you may not write there: let their owner run ./grange once"
  fi
  exec {lock}>"$state/lock"
  flock "$lock"
  # Another launcher may have done it while we waited.
  if "$check"; then
    # The time before the build: what is edited meanwhile is built next time.
    touch "$stamp.new"
    with_progress "$what" "$state/build.log" \
      "$root/mvnw" -f "$root/pom.xml" -B -q -DskipTests -Dquick -pl "$modules" -am package || exit 3
    mv "$stamp.new" "$stamp"
  fi
  exec {lock}>&-
}

java_flags=(-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xlog:disable)

build_client() {
  find_java
  build_modules client "building the client" client_changed cli
  if [[ ! -e $client_cache || $client_jar -nt $client_cache ]] && [[ -w ${client_cache%/*} ]]; then
    # Once after each build: later starts take half the time. Without it everything works as well.
    "$JAVA_HOME/bin/java" -XX:AOTCacheOutput="$client_cache.$$" "${java_flags[@]}" -cp "$client_jar" \
      dev.grange.cli.Main warm-up >"$state/cache.log" 2>&1 </dev/null || true
    if [[ -e $client_cache.$$ ]]; then mv "$client_cache.$$" "$client_cache"; else touch "$client_cache"; fi
  fi
}

build_farm() {
  build_modules farm "building the farm (the first time takes two to four minutes)" farm_changed "${farm_modules[@]}"
}

# Becomes the client, so that signals and the exit status are its own.
client() {
  local cache=()
  [[ ! -s $client_cache ]] || cache=(-XX:AOTCache="$client_cache")
  exec "$JAVA_HOME/bin/java" "${cache[@]}" "${java_flags[@]}" -cp "$client_jar" dev.grange.cli.Main "$@"
}
