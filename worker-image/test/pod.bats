#!/usr/bin/env bats
# What the entrypoint does in a pod only, and the probe: no cluster, no image. The testbed runs the same in real pods.

setup() {
  load helpers
  job=$BATS_TEST_TMPDIR/job
  input=$BATS_TEST_TMPDIR/input
  piped=yes
}

# as_secret FILE=TEXT...: more files of the job, which becomes what the kubelet makes of a Secret: links into a folder with a hidden name
as_secret() {
  local file
  mkdir -p "$input/..1"
  mv "$job/job.json" "$input/..1/"
  for file; do printf '%s' "${file#*=}" >"$input/..1/${file%%=*}"; done
  ln -sfnT ..1 "$input/..data"
  for file in "$input"/..1/*; do ln -sf "..data/${file##*/}" "$input/${file##*/}"; done
  rm -rf "${job:?}"
  mkdir "$job"
}

# pod [ENVIRONMENT...]: runs the entrypoint as in a pod
pod() { work "GRANGE_INPUT=$input" GRANGE_STORAGE_DRIVER=vfs "$@"; }

# mounted NAME FILE TEXT: a Secret or ConfigMap of the cluster's
mounted() { mkdir -p "$BATS_TEST_TMPDIR/mounted/$1" && printf '%s' "$3" >"$BATS_TEST_TMPDIR/mounted/$1/$2"; }

see_environment() { step build TestFailed 10 0 bash -c 'env >../environment'; }

@test "a pod's job and files come from a Secret, which is only read" {
  job test "$(step test TestFailed 10 0 bash -c 'cat ../files/Containerfile; cat ../files/auth.json; echo "$REGISTRY_AUTH_FILE"; touch ../files/new')"
  as_secret 'Containerfile=FROM scratch' 'auth.json={}'
  chmod 0555 "$input/..1"
  needs_root
  export job input bin piped
  status=0
  unshare --mount bash -c "mount --bind -o ro '$input' '$input' && mount -o remount,bind,ro '$input' && $(declare -f work pod); pod; exit \$status" || status=$?
  equal "$status" 1
  grep -qx "FROM scratch{}$job/files/auth.json" "$job/log"
  grep -q "Read-only file system" "$job/log"
  equal "$(ls "$job/files/")" $'Containerfile\nauth.json\njob.json'
}

@test "rendered fields are read from the Secret too" {
  job test "$(step test TestFailed 10 0 true)"
  jq -j -f "$bin/grange-job.jq" "$job/job.json" >"$job/fields"
  fields=$job/fields
  cp "$fields" "$BATS_TEST_TMPDIR/fields"
  as_secret
  cp "$BATS_TEST_TMPDIR/fields" "$input/job.fields"
  rm "$input/job.json"
  pod
  equal "$status $(result .outcome)" '0 SUCCEEDED'
}

@test "a job without the Secret says so" {
  mkdir -p "$job" "$input"
  pod
  equal "$status $(result '"\(.step) \(.reason)"')" '1 job InvalidJob'
}

@test "pull secrets of both kinds join the job's credential, which wins" {
  job test "$(step test TestFailed 10 0 bash -c 'cp "$REGISTRY_AUTH_FILE" ../seen')"
  as_secret 'auth.json={"auths":{"farm:1/attempts/a":{"auth":"am9i"},"both:1":{"auth":"am9i"}}}'
  mounted 0-new .dockerconfigjson '{"auths":{"new:1":{"auth":"bmV3"},"both:1":{"auth":"bmV3"},"twice:1":{"auth":"bmV3"}}}'
  mounted 1-old .dockercfg '{"old:1":{"auth":"b2xk"},"twice:1":{"auth":"b2xk"}}'
  pod "GRANGE_PULL_SECRETS=$BATS_TEST_TMPDIR/mounted"
  equal "$status" 0
  equal "$(jq -c '.auths | map_values(.auth)' -S "$job/seen")" '{"both:1":"am9i","farm:1/attempts/a":"am9i","new:1":"bmV3","old:1":"b2xk","twice:1":"bmV3"}'
  equal "$(stat -c %a "$job/auth.json")" 600
  run ! grep -e bmV3 -e am9i "$job/log"
}

@test "pull secrets serve a job without a credential, and one that is no JSON is the cluster's fault" {
  job test "$(step test TestFailed 10 0 bash -c 'cp "$REGISTRY_AUTH_FILE" ../seen')"
  as_secret
  mounted 0 .dockercfg '{"old:1":{"auth":"b2xk"}}'
  pod "GRANGE_PULL_SECRETS=$BATS_TEST_TMPDIR/mounted"
  equal "$status $(jq -c . "$job/seen")" '0 {"auths":{"old:1":{"auth":"b2xk"}}}'
  mounted 1 .dockercfg 'no JSON'
  pod "GRANGE_PULL_SECRETS=$BATS_TEST_TMPDIR/mounted"
  equal "$status $(result '"\(.step) \(.reason)"')" '1 worker WorkerBroken'
  grep -q "the cluster's registries.conf or pull secrets cannot be read" "$job/log"
}

@test "the cluster's mirrors and the job's registries stand in one registries.conf" {
  job test "$(step test TestFailed 10 0 bash -c 'cp "$CONTAINERS_REGISTRIES_CONF" ../seen')"
  as_secret $'registries.conf=[[registry]]\nlocation = "farm:1"\ninsecure = true\n'
  mounted conf registries.conf $'short-name-mode = "disabled"\n[[registry]]\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "mirror:1"'
  pod "GRANGE_REGISTRIES_CONF=$BATS_TEST_TMPDIR/mounted/conf/registries.conf"
  equal "$status" 0
  equal "$(tr '\n' ' ' <"$job/seen")" \
    'short-name-mode = "disabled" [[registry]] location = "docker.io" [[registry.mirror]] location = "mirror:1" [[registry]] location = "farm:1" insecure = true '
  pod "GRANGE_REGISTRIES_CONF=$BATS_TEST_TMPDIR/nothing"
  equal "$(result .reason)" WorkerBroken
}

@test "buildah reads the joined registries.conf" {
  job test "$(step test TestFailed 20 0 bash -c 'buildah pull not-there.invalid/a:1')"
  as_secret
  mounted conf registries.conf $'[[registry]]\nlocation = "not-there.invalid"\nblocked = true\n'
  pod "GRANGE_REGISTRIES_CONF=$BATS_TEST_TMPDIR/mounted/conf/registries.conf"
  grep -q 'is blocked' "$job/log"
}

@test "proxies are told to every tool in both spellings, but not for what was reached without; a CA bundle as well" {
  start_registry "$BATS_TEST_TMPDIR"
  job test "$(see_environment)"
  jq -c ".probe = [\"$registry\"]" "$job/job.json" >"$job/new" && mv "$job/new" "$job/job.json"
  as_secret
  pod HTTP_PROXY=http://proxy:3128 NO_PROXY=.internal GRANGE_CA_BUNDLE=/grange/ca/bundle.crt
  kill "$(<"$BATS_TEST_TMPDIR/registry.pid")"
  equal "$status" 0
  for line in HTTP_PROXY=http://proxy:3128 http_proxy=http://proxy:3128 NO_PROXY=.internal,127.0.0.1 no_proxy=.internal,127.0.0.1 \
    SSL_CERT_FILE=/grange/ca/bundle.crt CURL_CA_BUNDLE=/grange/ca/bundle.crt; do grep -qxF "$line" "$job/environment"; done
  run ! grep -qi https_proxy "$job/environment"
}

@test "without proxies, bundle, mirrors and pull secrets nothing of them is set" {
  job test "$(see_environment)"
  as_secret
  (unset SSL_CERT_FILE CURL_CA_BUNDLE HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy REGISTRY_AUTH_FILE && pod)
  equal "$(result .outcome)" SUCCEEDED
  run ! grep -iE '^(https?_proxy|no_proxy|SSL_CERT_FILE|CURL_CA_BUNDLE|REGISTRY_AUTH_FILE|CONTAINERS_REGISTRIES_CONF)=' "$job/environment"
}

@test "a worker whose buildah is too old runs nothing, unless what is built is trusted" {
  job test "$(step test TestFailed 10 0 touch ../ran)"
  as_secret
  for version in 'buildah version 1.28.2 (image-spec 1.1.0)' 'buildah version 1.43.1' 'buildah version 1.9.100' 'buildah version 0.99' 'no version at all'; do
    pod "GRANGE_BUILDAH_VERSION=$version" GRANGE_MIN_BUILDAH=1.43.2
    equal "$version: $status $(result '"\(.step) \(.reason) \(.steps | length)"')" "$version: 1 worker WorkerTooOld 0"
    result .message | grep -q 'Give the cluster a newer worker image, or mark it as trusted-input'
    [ ! -e "$job/ran" ]
  done
  for version in 'buildah version 1.43.2 (image-spec 1.1.1)' 'buildah version 1.43.10' 'buildah version 1.44' 'buildah version 2.0.0-dev' 'buildah version 1.043.02'; do
    pod "GRANGE_BUILDAH_VERSION=$version" GRANGE_MIN_BUILDAH=1.43.2
    equal "$version: $status" "$version: 0"
  done
  rm "$job/ran"
  pod 'GRANGE_BUILDAH_VERSION=buildah version 1.28.2' GRANGE_MIN_BUILDAH=1.43.2 GRANGE_TRUSTED_INPUT=1
  equal "$status" 0
  [ -e "$job/ran" ]
}

@test "an image knows its versions, and the log begins with them" {
  job test "$(step test TestFailed 10 0 true)"
  as_secret
  printf 'buildah version 9.8.7\nskopeo version 6.5.4\n' >"$BATS_TEST_TMPDIR/versions"
  pod GRANGE_BUILDAH_VERSION= "GRANGE_VERSIONS_FILE=$BATS_TEST_TMPDIR/versions" GRANGE_MIN_BUILDAH=9.8.7
  equal "$status $(head -n 1 "$job/log")" "0 buildah version 9.8.7; skopeo version 6.5.4; Linux $(uname -r); storage vfs"
}

@test "the storage driver is overlay where a user namespace can mount it, and vfs elsewhere" {
  needs_root
  job test "$(step test TestFailed 10 0 true)"
  as_secret
  work "GRANGE_INPUT=$input"
  head -n 1 "$job/log" | grep -q '; storage overlay$'
  grep -qx 'driver = "overlay"' "$job/storage.conf"
  run ! grep -q "$job" /proc/mounts
  mkdir "$BATS_TEST_TMPDIR/bin"
  printf '#!/bin/sh\necho "unshare failed: Operation not permitted" >&2\nexit 1\n' >"$BATS_TEST_TMPDIR/bin/unshare"
  chmod +x "$BATS_TEST_TMPDIR/bin/unshare"
  work "GRANGE_INPUT=$input" "PATH=$BATS_TEST_TMPDIR/bin:$PATH"
  head -n 1 "$job/log" | grep -q '; storage vfs$'
  grep -qx 'driver = "vfs"' "$job/storage.conf"
}

@test "a volume that is the pod's own, and full, is the build's storage limit and not the node's disk" {
  needs_root
  job build "$(step build BuildFailed 30 3 bash -c 'cat /dev/zero >../storage/big')"
  as_secret
  export job input bin piped
  for limit in 8388608 4194304 1048576; do
    unshare --mount bash -c "mount -t tmpfs -o size=4m none '$job' && $(declare -f work pod); pod GRANGE_STORAGE_LIMIT=$limit && cp '$job/result.json' '$BATS_TEST_TMPDIR/$limit'" || :
  done
  equal "$(jq -r '.reason' "$BATS_TEST_TMPDIR/8388608" "$BATS_TEST_TMPDIR/4194304" "$BATS_TEST_TMPDIR/1048576" | tr '\n' ' ')" \
    'StorageLimitExceeded StorageLimitExceeded DiskFull '
}

@test "the kernel is to kill the step before the worker, whatever the pod starts with" {
  job test "$(step test TestFailed 10 0 bash -c 'cat /proc/self/oom_score_adj /proc/$PPID/oom_score_adj >../scores; cat /proc/$(cut -d" " -f4 /proc/$PPID/stat)/oom_score_adj >>../scores')"
  as_secret
  for start in 0 300 700; do
    (echo $start >/proc/self/oom_score_adj && pod)
    read -r of_step of_timeout of_worker < <(tr '\n' ' ' <"$job/scores" && echo)
    ((of_step == of_timeout && of_step > of_worker && of_worker == start))
  done
}

@test "as PID 1, TERM ends the job in order" {
  needs_root
  job build "$(step build BuildFailed 100 0 bash -c 'sleep 31536107 & setsid sleep 31536107')"
  as_secret
  env "GRANGE_JOB=$job" "GRANGE_RESULT=$job/result.json" "GRANGE_INPUT=$input" GRANGE_STORAGE_DRIVER=vfs GRANGE_BUILDAH_VERSION=x \
    unshare --pid --fork --kill-child --mount-proc "$bin/grange-worker-entrypoint" >"$job/log" 2>&1 3>&- &
  unshare=$!
  eventually pgrep -f '^sleep 31536107' >/dev/null
  kill -TERM "$(pgrep -P "$unshare")"
  status=0
  wait "$unshare" || status=$?
  equal "$status $(result .reason)" '143 Interrupted'
  run ! pgrep -f '^sleep 31536107'
}

@test "the probe says what is there, and what can be reached" {
  start_registry "$BATS_TEST_TMPDIR"
  closed=127.0.0.1:$(free_port)
  mkdir "$job"
  run -0 env "GRANGE_JOB=$job" "GRANGE_RESULT=$BATS_TEST_TMPDIR/result" GRANGE_MIN_BUILDAH=99.0 "$bin/grange-worker-entrypoint" --probe "$registry" "$closed"
  kill "$(<"$BATS_TEST_TMPDIR/registry.pid")"
  equal "$(<"$BATS_TEST_TMPDIR/result")" "$output"
  equal "$(jq -c .reach <<<"$output")" "{\"$registry\":true,\"$closed\":false}"
  equal "$(jq -c '[.version, .minimum, .new_enough]' <<<"$output")" '[1,"99.0",false]'
  equal "$(jq -r .buildah <<<"$output")" "$(buildah --version | cut -d' ' -f3)"
  equal "$(jq -r .skopeo <<<"$output")" "$(skopeo --version | cut -d' ' -f3)"
  equal "$(jq -c '[.features.source_date_epoch]' <<<"$output")" "[$(buildah build --help | grep -q -- --source-date-epoch && echo true || echo false)]"
  equal "$(jq -r '.features | to_entries | map("\(.key) \(.value | type)") | join(", ")' <<<"$output")" \
    'run boolean, heredoc boolean, source_date_epoch boolean, overlay boolean, userns boolean, seccomp boolean, host_users boolean'
  ((EUID != 0)) || equal "$(jq -c '[.driver, .features.run]' <<<"$output")" '["overlay",true]'
  ((${#output} < 4096))
  equal "$(ls -A "$job")" ''
  run -2 "$bin/grange-worker-probe" 'not an address'
}

@test "the probe tells why a RUN does not work" {
  mkdir "$BATS_TEST_TMPDIR/bin" "$job"
  printf '#!/bin/sh\ncase $1 in --version) echo buildah version 1.43.2;; *) echo "Error: no rights at all" >&2; exit 125;; esac\n' >"$BATS_TEST_TMPDIR/bin/buildah"
  chmod +x "$BATS_TEST_TMPDIR/bin/buildah"
  run -0 --separate-stderr env "PATH=$BATS_TEST_TMPDIR/bin:$PATH" "GRANGE_JOB=$job" "$bin/grange-worker-probe"
  equal "$(jq -r '"\(.features.run) \(.features.heredoc) \(.problem) \(.buildah)"' <<<"$output")" 'false false Error: no rights at all 1.43.2'
}

@test "no image is made with a buildah that is too old" {
  run -1 "$bin/grange-worker-probe" --versions 99.0
  [[ $output == *'is older than 99.0' ]]
  run -0 "$bin/grange-worker-probe" --versions 1.0
  equal "${#lines[@]}" 2
}

@test "the image is not made twice from the same inputs, and a wrong call says how" {
  build_image=$repository/worker-image/build-image
  for arguments in '' '--base' '--base a' 'archive' '--base a --debian b archive' '--nonsense a archive' '--base a one two three'; do
    # shellcheck disable=SC2086
    run -2 "$build_image" $arguments
    [[ $output == *'build-image --base IMAGE'* ]]
  done
}
