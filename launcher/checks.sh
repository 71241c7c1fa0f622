# Tests and benchmarks. Sourced.
# shellcheck shell=bash

: "${root:?}" "${state:?}"

# Maven with its whole output in a file and the runners' own summary lines here. To be called where a failure does not
# end the script: a grep that finds nothing is no failure.
maven_tests() {
  local log=$state/test.log status=0
  mkdir -p "$state"
  "$root/mvnw" -f "$root/pom.xml" -B "$@" 2>&1 </dev/null | tee "$log" |
    grep --line-buffered -E '^\[(INFO|WARNING|ERROR)\] (Tests run:|Building Grange|BUILD|Reactor Summary|Grange ::)|^\[ERROR\]|FAILURE'
  status=${PIPESTATUS[0]}
  ((status == 0)) || say "failed; all of the output is in $log"
  return "$status"
}

shell_tests() {
  shellcheck -x "$root/grange" "$root"/launcher/*.sh "$root/.ci/run" "$root/bench/overhead" "$root"/bench/peer/* || return
  (cd "$root" && shellcheck -x -a testbed/grange-testbed testbed/lib/init.sh) || return
  bats "$root/launcher/test" || return
  if [[ -x $root/worker-image/test/run ]]; then "$root/worker-image/test/run"; fi
}

# The shipped placement over many clusters in virtual time. It is no test of every day: it takes minutes and prints figures.
simulation() {
  maven_tests -Dquick -pl scheduler -am verify -Dit.test='*Sim' -Dtest=NoUnitTest \
    -Dsurefire.failIfNoSpecifiedTests=false -Dfailsafe.failIfNoSpecifiedTests=false || return
  grep '^sim: ' "$state/test.log"
}

run_test() {
  (($# <= 1)) || fail 2 "usage: $GRANGE_COMMAND test [unit|it|e2e|faults|sim]"
  local status=0
  case ${1:-} in
    e2e)
      end_to_end_tests
      return
      ;;
    faults)
      fail 2 "THERE ARE NO $1 TESTS YET: nothing was tested"
      ;;
    '' | unit | it | sim) ;;
    *) fail 2 "usage: $GRANGE_COMMAND test [unit|it|e2e|faults|sim]" ;;
  esac
  require bats shellcheck curl
  find_java
  # What the tests unpack stays below target/ as well.
  export GRANGE_CACHE=${GRANGE_CACHE:-$root/target/cache}
  case ${1:-} in
    '')
      maven_tests verify || status=1
      shell_tests || status=1
      ;;
    unit)
      maven_tests verify -DskipITs || status=1
      shell_tests || status=1
      ;;
    it)
      # Surefire is given a name that no test has; Failsafe does not read it.
      maven_tests verify -Dtest=NoUnitTest -Dsurefire.failIfNoSpecifiedTests=false || status=1
      ;;
    sim) simulation || status=1 ;;
  esac
  if ((status == 0)); then say "all tests passed"; else say "TESTS FAILED"; fi
  return "$status"
}

run_bench() {
  local bench=$root/bench/${1:-}
  if [[ -n ${1:-} && $1 != */* && -f $bench && -x $bench ]]; then
    find_java
    exec "$bench" "${@:2}"
  fi
  say "usage: $GRANGE_COMMAND bench NAME, where NAME is one of:"
  for bench in "$root"/bench/*; do
    [[ ! -f $bench || ! -x $bench ]] || say "  ${bench##*/}"
  done
  exit 2
}
