#!/usr/bin/env bats
# Whole jobs through grange-local-run: real builds, a real registry on loopback. Everything is done as this user and, if that is root, as an
# ordinary user too, who is made for the tests and removed.

setup_file() {
  load helpers
  start_registry "$BATS_FILE_TMPDIR"
  if ((EUID == 0)); then
    export ordinary=grange-test-$$
    useradd --create-home --home-dir "/tmp/$ordinary" "$ordinary"
    chmod 0755 "/tmp/$ordinary"
  fi
}

teardown_file() {
  kill "$(<"$BATS_FILE_TMPDIR/registry.pid")"
  [[ -z ${ordinary:-} ]] || userdel --remove "$ordinary" 2>/dev/null
}

setup() {
  load helpers
  registry=$(<"$BATS_FILE_TMPDIR/registry.address")
  folders=()
}

teardown() {
  local folder
  for folder in "${folders[@]}"; do
    [[ ! -e $folder/pid ]] || kill -KILL "$(cut -d' ' -f1 "$folder/pid")" 2>/dev/null || :
    eventually "$bin/grange-local-run" --delete "$folder" 2>/dev/null
  done
}

# new_job [USER]: sets $job to a new folder that belongs to USER
new_job() {
  job=$(mktemp -d "/tmp/${1:-grange-test}${1:+/job}-XXXXXX")
  folders+=("$job")
  user=${1:-}
  mkdir -p "$job/files" "$job/work/context"
}

# start: runs the job as its user, and waits for it
start() {
  status=0
  [[ -z $user ]] || chown -R "$user:" "$job"
  if [[ -z $user ]]; then
    "$bin/grange-local-run" "$job" 3>&- 4>&- || status=$?
  else
    # A copy, since an ordinary user may not read the folder of these scripts.
    mkdir -p "/tmp/$user/bin" && cp "$bin"/* "/tmp/$user/bin/"
    (cd / && setpriv --reuid "$user" --regid "$user" --init-groups env HOME=/nowhere "/tmp/$user/bin/grange-local-run" "$job" 3>&- 4>&-) || status=$?
  fi
}

users() { printf '%s\n' '' "${ordinary:-}" | sort -u; }

only_as_root_there_is_a_second_user() { ((EUID == 0)) || echo '# NOT ROOT: tested as this user only' >&3; }

# build_of EXAMPLE: the job of docs/worker.md over a folder of examples/
build_of() {
  cp -a "$repository/examples/$1/." "$job/work/context/"
  cp "$job/work/context/Containerfile" "$job/files/"
  cp -L "$(command -v busybox)" "$job/work/context/busybox"
  example build >"$job/job.json"
}

pullspec() { echo "$(jq -r '.steps[-1].argv[-1]' "$job/job.json" | sed 's|^docker://||')@$(result .digest)"; }

nothing_is_left() { # of $job
  ! grep -q "$job" /proc/mounts && flock --nonblock "$job/lock" true && ! pgrep -f "$1" >/dev/null
}

@test "the same inputs give the same digest, in any folder and for every user of the same storage driver" {
  only_as_root_there_is_a_second_user
  for driver in overlay vfs; do
    digests=()
    while read -r name; do
      [[ $driver == vfs || -z $name && $EUID == 0 ]] || continue
      for _ in 1 2; do
        new_job "$name"
        build_of hello
        GRANGE_STORAGE_DRIVER=$driver start
        equal "$driver '$name': $status $(<"$job/exit") $(result .outcome)" "$driver '$name': 0 0 SUCCEEDED"
        digests+=("$(result .digest)")
        curl --fail --silent --show-error --output /dev/null -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
          "http://$registry/v2/attempts/0b1d/manifests/${digests[-1]}"
      done
    done < <(users)
    ((${#digests[@]} == 0)) || equal "$(printf '%s\n' "${digests[@]}" | sort -u | wc -l)" 1
  done
}

@test "nothing of the storage driver gets into the image" {
  while read -r name; do
    new_job "$name"
    build_of hello
    start
    manifest=$(curl --fail --silent -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$registry/v2/attempts/0b1d/manifests/$(result .digest)")
    for layer in $(jq -r '.layers[].digest' <<<"$manifest"); do
      curl --fail --silent "http://$registry/v2/attempts/0b1d/blobs/$layer" | gzip -dc >"$BATS_TEST_TMPDIR/layer"
      run ! grep -qa 'SCHILY.xattr' "$BATS_TEST_TMPDIR/layer"
    done
  done < <(users)
}

@test "a build that fills its disk fails with DiskFull" {
  needs_root
  new_job
  build_of hello
  mkdir "$job/storage" "$job/small"
  echo 'RUN cat /dev/zero > /big || { sleep 0.3; exit 1; }' | sed -i '/^RUN hello world/r /dev/stdin' "$job/files/Containerfile"
  unshare --mount bash -c 'mount -t tmpfs -o size=24m none "$1/storage" && GRANGE_JOB=$1 GRANGE_RESULT=$1/result.json exec "$2/grange-worker-entrypoint"' \
    - "$job" "$bin" >"$job/log" 2>&1 3>&- 4>&- || status=$?
  equal "$(result '"\(.step) \(.reason)"')" 'build DiskFull'
}

@test "examples/hello passes its test, for every user" {
  while read -r name; do
    new_job "$name"
    build_of hello
    start
    equal "$status" 0
    image=$(pullspec)
    new_job "$name"
    example test | sed "s|127[^\"]*@sha256[^\"]*|$image|;s|$registry/builds[^\"]*|$image|" >"$job/job.json"
    start
    equal "$status $(result .outcome)" '0 SUCCEEDED'
    grep -qx 'the program greets as it should' "$job/log"
  done < <(users)
}

@test "examples/broken fails with status 7 and says why" {
  new_job
  build_of broken
  start
  equal "$status $(<"$job/exit") $(result '"\(.step) \(.reason) \(.exit) \(.steps[0].tries)"')" '7 7 build BuildFailed 7 1'
  result .message | grep -q "error: 'answer' was never declared"
}

@test "examples/fails-its-test builds, and its test fails with a message" {
  new_job
  build_of fails-its-test
  start
  equal "$status" 0
  image=$(pullspec)
  new_job
  job test "$(step test TestFailed 60 0 grange-smoke --tls-verify=false "$image")"
  start
  equal "$status $(result .reason)" '3 TestFailed'
  result .message | grep -q 'the answer should be 42, and is: answer=41'
}

@test "an image without a test passes when it can be unpacked; one that is not there ends with 125" {
  new_job
  build_of hello
  sed -i '/dev.grange.test=/d; s/greets" \\/greets"/' "$job/files/Containerfile"
  start
  equal "$status" 0
  image=$(pullspec)
  new_job
  job test "$(step test TestFailed 60 0 grange-smoke "$image")"
  GRANGE_INSECURE_REGISTRIES=other:1,$registry start
  equal "$status" 0
  grep -q 'has no label dev.grange.test' "$job/log"
  new_job
  job test "$(step test TestFailed 60 0 grange-smoke --tls-verify=false "$registry/no/such:image")"
  start
  equal "$status" 125
}

@test "a context is fetched from the registry by either way, and its digest is checked" {
  new_job
  cp -a "$repository/examples/hello/." "$BATS_TEST_TMPDIR/"
  cp -L "$(command -v busybox)" "$BATS_TEST_TMPDIR/busybox"
  tar -czf "$job/context.tar.gz" -C "$BATS_TEST_TMPDIR" .
  hex=$(sha256sum <"$job/context.tar.gz" | cut -d' ' -f1)
  mkdir "$job/layout"
  mv "$job/context.tar.gz" "$job/layout/$hex"
  printf '{}' >"$job/layout/$(printf '{}' | sha256sum | cut -d' ' -f1)"
  printf 'Directory Transport Version: 1.1\n' >"$job/layout/version"
  jq -nc --arg hex "$hex" --argjson size "$(stat -c %s "$job/layout/$hex")" --arg empty "$(printf '{}' | sha256sum | cut -d' ' -f1)" '{schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json", config: {mediaType: "application/vnd.oci.image.config.v1+json", digest: "sha256:\($empty)", size: 2},
    layers: [{mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: "sha256:\($hex)", size: $size}]}' >"$job/layout/manifest.json"
  skopeo copy --quiet --dest-tls-verify=false "dir:$job/layout" "docker://$registry/contexts/default:test"
  manifest=$(sha256sum <"$job/layout/manifest.json" | cut -d' ' -f1)
  for way in fetch-curl fetch-skopeo; do
    while read -r name; do
      new_job "$name"
      cp "$repository/examples/hello/Containerfile" "$job/files/"
      printf '%s  context.tar.gz\n' "$hex" >"$job/files/context.sha256"
      example $way | sed "s/LAYER/$hex/g; s/MANIFEST/$manifest/g" >"$BATS_TEST_TMPDIR/steps"
      example build | jq --slurpfile fetch "$BATS_TEST_TMPDIR/steps" '.steps = $fetch[0] + .steps' >"$job/job.json"
      start
      equal "$way '$name': $status" "$way '$name': 0"
      cmp "$BATS_TEST_TMPDIR/hello" "$job/work/context/hello"
    done < <(users)
  done
  new_job
  printf '%064d  context.tar.gz\n' 0 >"$job/files/context.sha256"
  example fetch-curl | sed "s/LAYER/$hex/g" >"$BATS_TEST_TMPDIR/steps"
  jq -n --slurpfile fetch "$BATS_TEST_TMPDIR/steps" '{version: 1, attempt: "x", kind: "build", steps: $fetch[0]}' >"$job/job.json"
  start
  equal "$(result '"\(.step) \(.reason)"')" 'verify FetchSourceFailed'
}

@test "a job is run once, however often it is started" {
  new_job
  job test "$(step test TestFailed 10 0 bash -c 'echo ran >>../ran')"
  echo 'uid of the request' >"$job/uid.request"
  start
  equal "$status $(<"$job/started")" '0 uid of the request'
  start
  equal "$status $(wc -l <"$job/ran")" '75 1'
  new_job
  job test "$(step test TestFailed 10 0 bash -c 'echo ran >>../ran; sleep 0.3')"
  for _ in {1..8}; do "$bin/grange-local-run" "$job" 2>/dev/null 3>&- 4>&- & done
  wait
  equal "$(wc -l <"$job/ran") $(<"$job/exit")" '1 0'
}

@test "KILL of the process in DIR/pid leaves no process and no mount, for every user" {
  while read -r name; do
    new_job "$name"
    build_of hello
    echo 'RUN setsid sleep 31536103 & sleep 31536103' >>"$job/files/Containerfile"
    sed -i '/^USER/d' "$job/files/Containerfile"
    start &
    eventually pgrep -f 'sleep 31536103' >/dev/null
    read -r pid began <"$job/pid"
    equal "$(sed 's/.*) //' "/proc/$pid/stat" | cut -d' ' -f20)" "$began"
    run ! flock --nonblock "$job/lock" true
    kill -KILL "$pid"
    wait
    eventually nothing_is_left 'sleep 31536103'
    [ ! -e "$job/exit" ]
  done < <(users)
}

@test "TERM of the process in DIR/pid ends the job in order, for every user" {
  while read -r name; do
    new_job "$name"
    job build "$(step build BuildFailed 100 0 sleep 31536104)"
    start &
    eventually pgrep -f '^sleep 31536104' >/dev/null
    kill -TERM "$(cut -d' ' -f1 "$job/pid")"
    wait
    equal "$(<"$job/exit") $(result .reason)" '143 Interrupted'
    nothing_is_left 'sleep 31536104'
  done < <(users)
}

@test "a daemon that a step left in a session of its own neither lives on nor holds the job" {
  new_job
  job test "$(step test TestFailed 10 0 bash -c 'setsid sleep 31536105 & echo out')"
  SECONDS=0
  start
  equal "$status" 0
  ((SECONDS < 4))
  nothing_is_left 'sleep 31536105'
}

@test "a job outlives whoever started it, and sees a clean environment" {
  new_job
  job test "$(step test TestFailed 10 0 bash -c 'sleep 0.5; env >../environment')"
  SECRET=do-not-tell setsid --wait bash -c '"$1" "$2" & exec sleep 0.1' - "$bin/grange-local-run" "$job" 3>&- 4>&-
  eventually test -s "$job/exit"
  equal "$(<"$job/exit")" 0
  run ! grep -q do-not-tell "$job/environment"
  grep -qx "HOME=$job/home" "$job/environment"
}

@test "a folder is deleted whoever its files belong to, but not while its job runs" {
  while read -r name; do
    new_job "$name"
    build_of hello
    sed -i 's/^RUN hello world/RUN touch \/owned \&\& chown 1000:1000 \/owned \&\& mkdir -p \/closed \&\& chmod 0 \/closed/' "$job/files/Containerfile"
    start
    equal "$status" 0
    if [[ -z $name ]]; then "$bin/grange-local-run" --delete "$job"; else
      setpriv --reuid "$name" --regid "$name" --init-groups "/tmp/$name/bin/grange-local-run" --delete "$job"
    fi
    [ ! -e "$job" ]
  done < <(users)
  "$bin/grange-local-run" --delete "$job"
  new_job
  job test "$(step test TestFailed 10 0 sleep 31536106)"
  start &
  eventually pgrep -f '^sleep 31536106' >/dev/null
  run -75 "$bin/grange-local-run" --delete "$job"
  kill -KILL "$(cut -d' ' -f1 "$job/pid")"
  wait
}

@test "a machine that can run jobs is told from one that cannot" {
  "$bin/grange-local-run" --check
  mkdir "$BATS_TEST_TMPDIR/bin"
  for tool in bash id grep flock setpriv setsid unshare tee timeout true; do ln -s "$(command -v $tool)" "$BATS_TEST_TMPDIR/bin/"; done
  PATH=$BATS_TEST_TMPDIR/bin run -69 "$bin/grange-local-run" --check
  [[ $output == *'lacks buildah; jq' ]]
}

@test "an ordinary user without subordinate ids is told so" {
  needs_root
  useradd --create-home --home-dir "/tmp/${ordinary}x" "${ordinary}x"
  usermod --del-subuids 1-4294967294 "${ordinary}x"
  chmod 0755 "/tmp/${ordinary}x"
  new_job "${ordinary}x"
  job test "$(step test TestFailed 10 0 true)"
  start
  equal "$status $(<"$job/exit")" '69 69'
  grep -q 'this machine lacks newuidmap' "$job/log"
  userdel --remove "${ordinary}x" 2>/dev/null
}
