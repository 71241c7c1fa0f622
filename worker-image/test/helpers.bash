# Shared by the tests. Everything lies in BATS_TEST_TMPDIR or in a folder that teardown removes.
bats_require_minimum_version 1.5.0
bin=$(cd "${BATS_TEST_DIRNAME}/../bin" && pwd)
repository=$(cd "${BATS_TEST_DIRNAME}/../.." && pwd)

# step NAME REASON TIMEOUT RETRIES ARGV...: one step as JSON
step() {
  local name=$1 reason=$2 timeout=$3 retries=$4
  shift 4
  printf '%s\0' "$@" end-of-arguments | jq -Rsc --arg name "$name" --arg reason "$reason" --argjson timeout "$timeout" --argjson retries "$retries" \
    '{name: $name, argv: (split("\u0000") | .[:index("end-of-arguments")]), timeout_seconds: $timeout, retries: $retries, retry_delay_seconds: 0, failure_reason: $reason}'
}

# job KIND STEP...: writes $job/job.json
job() {
  local kind=$1
  shift
  mkdir -p "$job/files"
  printf '%s\n' "$@" | jq -sc --arg kind "$kind" '{version: 1, attempt: "test", kind: $kind, term_grace_seconds: 1, steps: .}' >"$job/job.json"
}

# work [ENVIRONMENT...]: runs the entrypoint; its log goes to $job/log, if $piped is set through a pipe as in a pod, and its status to $status
work() {
  status=0
  set -- env "GRANGE_JOB=$job" "GRANGE_RESULT=$job/result.json" GRANGE_BUILDAH_VERSION='buildah of the test' "$@" "$bin/grange-worker-entrypoint"
  if [[ -z ${piped:-} ]]; then
    "$@" >"$job/log" 2>&1 3>&- 4>&- || status=$?
  else
    set -o pipefail
    "$@" 2>&1 3>&- 4>&- | cat >"$job/log" || status=$?
  fi
}

result() { jq -r "$1" "$job/result.json"; }

# equal WHAT IS: fails and shows both
equal() { [[ $1 == "$2" ]] || { printf 'expected: %s\nis:       %s\n' "$2" "$1" >&2 && cat "$job/log" >&2 || :; return 1; }; }

# eventually COMMAND...: waits until it succeeds, 10 s at most
eventually() {
  local _
  for _ in {1..200}; do "$@" && return 0 || sleep 0.05; done
  echo "never became true: $*" >&2 && return 1
}

gone() { ! kill -0 "$1" 2>/dev/null; }

needs_root() { ((EUID == 0)) || skip 'NEEDS ROOT: not tested here'; }

free_port() {
  local port
  for port in {21000..21999}; do (exec 2>/dev/null 9<>"/dev/tcp/127.0.0.1/$port") || { echo "$port" && return; }; done
}

start_registry() { # in folder $1: sets $registry
  registry=127.0.0.1:$(free_port)
  mkdir -p "$1/registry"
  printf '{version: 0.1, log: {level: error}, storage: {filesystem: {rootdirectory: "%s"}}, http: {addr: "%s"}}' "$1/registry" "$registry" >"$1/registry.yml"
  docker-registry serve "$1/registry.yml" >/dev/null 2>&1 3>&- 4>&- &
  echo $! >"$1/registry.pid"
  echo "$registry" >"$1/registry.address"
  eventually curl --silent --output /dev/null "http://$registry/v2/"
}

# example NAME: the JSON block of docs/worker.md that follows the comment <!-- example: NAME -->, with the test's registry in it
example() {
  awk -v "mark=<!-- example: $1 -->" '$0 == mark {found = 1} found && /^```$/ {exit} found && inside {print} found && /^```json$/ {inside = 1}' \
    "$repository/docs/worker.md" | sed "s/127\.0\.0\.1:7050/$registry/g"
}
