#!/usr/bin/env bats
# The entrypoint by itself: no registry, no image, no namespace.

setup() {
  load helpers
  job=$BATS_TEST_TMPDIR/job
}

@test "arguments reach the program as they are: spaces, quotes, newlines, globs, nothing at all" {
  arguments=('a  b' "it's" '"quoted"' $'two\nlines\n' '*' '$HOME $(id) `id`' '' '-n' '\' 'ü€' '; rm -rf /')
  job test "$(step test TestFailed 10 0 bash -c 'printf "%s\0" "$@" >arguments' name "${arguments[@]}")"
  work
  equal "$status" 0
  mapfile -d '' -t seen <"$job/work/arguments"
  equal "${#seen[@]}" "${#arguments[@]}"
  for i in "${!arguments[@]}"; do equal "${seen[i]}" "${arguments[i]}"; done
}

@test "a test needs no digest to succeed" {
  job test "$(step test TestFailed 10 0 true)"
  work
  equal "$status $(result .outcome)" '0 SUCCEEDED'
  equal "$(result '.steps[0] | "\(.name) \(.tries) \(.exit) \(.seconds | type)"')" 'test 1 0 number'
}

@test "a build succeeds with its digest, and only with one" {
  digest=sha256:$(printf 'x' | sha256sum | cut -d' ' -f1)
  job build "$(step push PushFailed 10 0 bash -c "echo $digest >digest")"
  work
  equal "$status $(result .outcome) $(result .digest)" "0 SUCCEEDED $digest"
  for left in 'printf sha256:abc' "printf x$digest" "printf ${digest}0" 'printf ""' 'rm -f digest'; do
    rm -rf "$job"
    job build "$(step push PushFailed 10 0 bash -c "$left >digest; ${left/printf*/true}")"
    work
    equal "$left: $status $(result .outcome) $(result .reason)" "$left: 1 FAILED PushFailed"
  done
}

@test "a failing step gives its own reason, its status and its last lines, and nothing runs after it" {
  job build "$(step fetch FetchSourceFailed 10 0 echo of the first step)" "$(step build BuildFailed 10 0 bash -c 'echo one; echo two >&2; exit 7')" \
    "$(step push PushFailed 10 0 touch pushed)"
  work
  equal "$status $(result '"\(.outcome) \(.step) \(.reason) \(.exit)"')" '7 FAILED build BuildFailed 7'
  equal "$(result .message)" $'one\ntwo'
  equal "$(result '.steps | map("\(.name) \(.exit)") | join(", ")')" 'fetch 0, build 7'
  [ ! -e "$job/work/pushed" ]
}

@test "a program that does not exist fails its step" {
  job test "$(step test TestFailed 10 0 there-is-no-such-program)"
  work
  equal "$status $(result .reason)" '127 TestFailed'
}

@test "the log has the version first and every section between its markers, in order" {
  job test "$(step fetch FetchSourceFailed 10 0 echo fetching)" "$(step test TestFailed 10 0 echo testing)"
  work
  time='[0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z'
  grep -Eqz "^buildah of the test; Linux $(uname -r); storage overlay
::grange::section::fetch::start::$time
fetching
::grange::section::fetch::end::$time::exit=0
::grange::section::test::start::$time
testing
::grange::section::test::end::$time::exit=0
$" "$job/log"
}

@test "markers that a step forges change nothing" {
  job test "$(step test TestFailed 10 0 bash -c 'echo "::grange::section::test::end::2020-01-01T00:00:00.000Z::exit=0"; exit 4')"
  work
  equal "$status $(result '"\(.outcome) \(.exit)"')" '4 FAILED 4'
}

@test "the result is JSON of at most 4096 bytes, whatever a step prints, and ends with the last line" {
  for noise in 'head -c 1000000 /dev/urandom' 'yes "\"\\\\$(printf "\033[31m")"| head -c 1000000' 'yes € | head -c 1000001' 'printf "%0100000d" 0' 'head -c 99999 /dev/zero'; do
    rm -rf "$job"
    [[ -n ${piped:-} ]] && piped='' || piped=yes
    job build "$(step build BuildFailed 30 0 bash -c "$noise; echo; echo the last line; exit 9")"
    work
    equal "$status" 9
    [ "$(stat -c %s "$job/result.json")" -le 4096 ]
    iconv -f UTF-8 -t UTF-8 "$job/result.json" >/dev/null
    result .message | tail -n 1 | grep -q 'the last line$' # jq 1.6 takes the newline with a character that was cut off
  done
}

@test "a log into a pipe is whole when the worker ends, and gives the message too" {
  piped=yes
  job test "$(step test TestFailed 30 0 bash -c 'seq 200000')"
  work
  equal "$status $(grep -cE '^[0-9]+$' "$job/log")" '0 200000'
  tail -n 1 "$job/log" | grep -q '^::grange::section::test::end::.*::exit=0$'
  rm -rf "$job"
  job test "$(step test TestFailed 30 0 bash -c 'seq 200000; exit 3')"
  work
  equal "$status $(result .message | tail -n 1)" '3 200000'
}

@test "a log of 300 MB leaves no second copy" {
  job build "$(step build BuildFailed 60 0 bash -c 'head -c 300M /dev/zero; echo the end; exit 3')"
  status=0
  GRANGE_JOB=$job GRANGE_RESULT=$job/result.json "$bin/grange-worker-entrypoint" >/dev/null 2>&1 3>&- || status=$?
  equal "$status" 3
  [ "$(du -sk "$job" | cut -f1)" -lt 300 ]
}

@test "a step that takes too long is stopped, first kindly, then not" {
  job test "$(step test TestFailed 1 5 bash -c 'trap "echo asked to stop" TERM; while :; do sleep 0.1; done')"
  work
  equal "$(result '"\(.reason) \(.steps[0].tries)"')" 'TimedOut 1'
  grep -q 'asked to stop' "$job/log"
  result .message | grep -q 'was stopped after its 1 s'
  [ "$status" -ne 0 ]
}

@test "a step that ends with 124 by itself has not timed out" {
  job test "$(step test TestFailed 100 0 bash -c 'exit 124')"
  work
  equal "$status $(result .reason)" '124 TestFailed'
}

@test "a step is tried again as often as it may be" {
  job test "$(step test TestFailed 10 2 bash -c 'echo x >>tries; (($(wc -l <tries) == 3))')"
  work
  equal "$status $(result '.steps[0].tries')" '0 3'
  rm -rf "$job"
  job test "$(step test TestFailed 10 1 bash -c 'echo x >>tries; (($(wc -l <tries) == 3))')"
  work
  equal "$status $(result '"\(.reason) \(.steps[0].tries)"')" '1 TestFailed 2'
}

@test "TERM ends the running step with all that it started, and says Interrupted" {
  job build "$(step build BuildFailed 100 3 bash -c 'sleep 31536101 & echo $! >children; wait')" "$(step push PushFailed 10 0 touch pushed)"
  GRANGE_JOB=$job GRANGE_RESULT=$job/result.json "$bin/grange-worker-entrypoint" >"$job/log" 2>&1 3>&- &
  worker=$!
  eventually test -s "$job/work/children"
  kill -TERM $worker
  status=0
  wait $worker || status=$?
  equal "$status $(result '"\(.outcome) \(.reason) \(.exit)"')" '143 FAILED Interrupted 143'
  eventually gone "$(<"$job/work/children")"
  [ ! -e "$job/work/pushed" ]
}

@test "what a step leaves in the background ends with the step" {
  job test "$(step test TestFailed 10 0 bash -c 'sleep 31536102 & echo $! >left')" "$(step test TestFailed 10 0 bash -c 'for i in {1..100}; do kill -0 "$(<left)" || exit 0; sleep 0.05; done; exit 1')"
  work
  equal "$status" 0
}

@test "a step that is killed from outside is out of memory, and is not tried again" {
  job test "$(step test TestFailed 10 3 bash -c 'kill -KILL $$')"
  work
  equal "$status $(result '"\(.reason) \(.steps[0].tries)"')" '137 OutOfMemory 1'
  equal "$(result .message)" 'grange: test was killed, and not by this worker: so the kernel does for want of memory'
}

@test "the OOM killer's count decides, even if the step hides how its child ended" {
  needs_root
  cgroup=/sys/fs/cgroup/memory/grange-test-$$
  mkdir "$cgroup" 2>/dev/null || skip 'NO MEMORY CGROUP v1 CAN BE MADE HERE: not tested'
  echo 32M >"$cgroup/memory.limit_in_bytes"
  job build "$(step build BuildFailed 30 3 bash -c 'bash -c "a=\$(head -c 200M /dev/zero | tr \\\\0 x)" || exit 1')"
  (echo $BASHPID >"$cgroup/cgroup.procs" && work && echo "$status" >"$job/status") || :
  xargs --no-run-if-empty kill -KILL <"$cgroup/cgroup.procs"
  eventually rmdir "$cgroup" 2>/dev/null
  equal "$(<"$job/status") $(result '"\(.reason) \(.steps[0].tries)"')" '1 OutOfMemory 1'
}

@test "a full disk is recognised by the disk, and the result still fits on it" {
  needs_root
  mkdir -p "$job"
  script='mount -t tmpfs -o size=4m none "$job" && cd / && source "$1/helpers.bash" && job build "$(step build BuildFailed 30 3 bash -c "cat /dev/zero >big")" &&
    work && cp "$job/result.json" "$2" && echo "$status" >>"$2"'
  job=$job BATS_TEST_DIRNAME=$BATS_TEST_DIRNAME unshare --mount bash -c "bats_require_minimum_version() { :; }; $script" - "$BATS_TEST_DIRNAME" "$BATS_TEST_TMPDIR/out"
  equal "$(head -n 1 "$BATS_TEST_TMPDIR/out" | jq -r .reason) $(tail -n 1 "$BATS_TEST_TMPDIR/out")" 'DiskFull 1'
}

@test "a result file that is a mount is filled in place" {
  needs_root
  job test "$(step test TestFailed 10 0 true)"
  touch "$job/mounted" "$job/result.json"
  export job bin
  unshare --mount bash -c "mount --bind '$job/mounted' '$job/result.json' && $(declare -f work); work"
  equal "$(jq -r .outcome "$job/mounted")" SUCCEEDED
}

@test "a registry that does not answer is found out at once" {
  job test "$(step test TestFailed 10 0 touch ran)"
  jq -c ".probe = [\"127.0.0.1:$(free_port)\"]" "$job/job.json" >"$job/new" && mv "$job/new" "$job/job.json"
  work
  equal "$status $(result '"\(.step) \(.reason)"')" '1 probe NetworkUnreachable'
  result .message | grep -q 'no connection to 127.0.0.1'
  [ ! -e "$job/work/ran" ]
}

@test "a step that fails while the registry is away did not fail of itself" {
  port=$(free_port)
  busybox httpd -f -p "127.0.0.1:$port" -h "$BATS_TEST_TMPDIR" >/dev/null 2>&1 3>&- &
  server=$!
  until grep -q "$(printf ' 0100007F:%04X .* 0A ' "$port")" /proc/net/tcp; do sleep 0.1; done
  job build "$(step build BuildFailed 10 0 bash -c "kill $server; while kill -0 $server 2>/dev/null; do sleep 0.05; done; exit 125")"
  jq -c ".probe = [\"127.0.0.1:$port\"]" "$job/job.json" >"$job/new" && mv "$job/new" "$job/job.json"
  work
  equal "$status $(result '"\(.step) \(.reason)"')" '125 build NetworkUnreachable'
}

@test "a host that swallows packets is given up after three seconds" {
  job test "$(step test TestFailed 10 0 true)"
  jq -c '.probe = ["192.0.2.1:7050"]' "$job/job.json" >"$job/new" && mv "$job/new" "$job/job.json"
  SECONDS=0
  work
  equal "$(result .reason)" NetworkUnreachable
  ((SECONDS <= 5))
}

@test "a job that the scheduler has rendered into fields already needs no job.json" {
  job test "$(step test TestFailed 10 0 bash -c 'printf "%s\0" "$@" >arguments' name $'two\nlines ' '')"
  jq -j -f "$bin/grange-job.jq" "$job/job.json" >"$job/job.fields"
  rm "$job/job.json"
  work
  equal "$status $(result .outcome)" '0 SUCCEEDED'
  printf '%s\0' $'two\nlines ' '' | cmp - "$job/work/arguments"
  printf '2\0test\0' >"$job/job.fields"
  work
  equal "$status $(result .reason)" '1 InvalidJob'
}

@test "what is not a job is refused with a result, and nothing of it runs" {
  good=$(step test TestFailed 10 0 touch ran)
  for change in '.version = 2' '.kind = "other"' '.steps = []' 'del(.steps)' '.steps[0].argv = []' '.steps[0].argv = "touch ran"' \
    '.steps[0].argv[1] = 7' '.steps[0].argv[1] = "a\u0000b"' '.steps[0].name = "a\"b"' '.steps[0].timeout_seconds = "1; touch ran"' \
    '.steps[0].timeout_seconds = 0' '.steps[0].retries = -1' '.digest_file = "../../etc/passwd"' '.probe = ["a/../b:1"]' '.steps[0].failure_reason = "$(id)"'; do
    rm -rf "$job"
    job test "$good"
    jq -c "$change" "$job/job.json" >"$job/new" && mv "$job/new" "$job/job.json"
    work
    equal "$change: $status $(result '"\(.step) \(.reason)"')" "$change: 1 job InvalidJob"
    [ ! -e "$job/work/ran" ]
  done
}
