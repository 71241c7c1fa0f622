#!/usr/bin/env bats
# What the launcher itself decides, tried without a farm and without a network.

setup() {
  root=$(readlink -f "$BATS_TEST_DIRNAME/../..")
  export GRANGE_HOME=$BATS_TEST_TMPDIR/home
}

# A checkout of its own with a Maven that only notes what it was asked for.
fake_checkout() {
  checkout=$BATS_TEST_TMPDIR/checkout
  mkdir -p "$checkout/cli/src" "$checkout/cli/target"
  cp -r "$root/grange" "$root/launcher" "$checkout/"
  touch "$checkout/pom.xml" "$checkout/cli/pom.xml" "$checkout/cli/src/A.java"
  cat >"$checkout/mvnw" <<'M'
#!/bin/bash
echo "$*" >>"${0%/*}/asked"
[[ ! -e ${0%/*}/broken ]] || { echo "a compiler's complaint"; exit 1; }
touch "${0%/*}/cli/target/grange-cli.jar"
M
  chmod +x "$checkout/mvnw"
  # A JDK of which only the release is real.
  mkdir -p "$checkout/jdk/bin"
  echo 'JAVA_VERSION="25.0.1"' >"$checkout/jdk/release"
  printf '#!/bin/bash\necho "java $*"\n' >"$checkout/jdk/bin/java"
  cp "$checkout/jdk/bin/java" "$checkout/jdk/bin/javac"
  chmod +x "$checkout/jdk/bin/"*
  export JAVA_HOME=$checkout/jdk
}

asked() { if [[ -e $checkout/asked ]]; then wc -l <"$checkout/asked"; else echo 0; fi; }

@test "builds the client once, and again only when its sources change" {
  fake_checkout
  "$checkout/grange" version
  "$checkout/grange" version
  [[ $(asked) == 1 ]]
  sleep 1.1
  touch "$checkout/cli/src/A.java"
  "$checkout/grange" version
  [[ $(asked) == 2 ]]
  sleep 1.1
  rm "$checkout/cli/src/A.java"
  "$checkout/grange" version
  [[ $(asked) == 3 ]]
  grep -q -- '-Dquick -pl cli -am package' "$checkout/asked"
}

@test "hands arguments to the client as they are, from everywhere and through a link" {
  fake_checkout
  ln -s "$checkout/grange" "$BATS_TEST_TMPDIR/link"
  cd /
  run "$BATS_TEST_TMPDIR/link" build "a b" --label 'x=*'
  [[ $status == 0 ]]
  [[ $output == *"dev.grange.cli.Main build a b --label x=*"* ]]
}

@test "shows the end of the log when the build fails, and does not believe it was done" {
  fake_checkout
  touch "$checkout/broken"
  run "$checkout/grange" version
  [[ $status == 3 ]]
  [[ $output == *"a compiler's complaint"* ]]
  run "$checkout/grange" version
  [[ $(asked) == 2 ]]
}

@test "takes no JDK that is too old, and says what to install" {
  fake_checkout
  echo 'JAVA_VERSION="17.0.2"' >"$checkout/jdk/release"
  run bash -c '. "$0/launcher/say.sh"; . "$0/launcher/java.sh"; release_of "$JAVA_HOME"' "$checkout"
  [[ $output == 17 ]]
  # As if each that is found were that one.
  run bash -c '. "$0/launcher/say.sh"; . "$0/launcher/java.sh"; release_of() { echo 17; }; find_java' "$checkout"
  [[ $status == 9 ]]
  [[ $output == *"release 25"* && $output == *"apt-get install"* ]]
}

@test "says loudly what the end-to-end tests miss, and which tests there are not" {
  fake_checkout
  GRANGE_E2E_KUBECONFIGS=/somewhere run "$checkout/grange" test e2e
  [[ $status == 9 && $output == *"GRANGE_E2E_WORKER_IMAGE"*"NOTHING WAS TESTED"* ]]
  [[ $(asked) == 0 ]]
  run "$checkout/grange" test faults
  [[ $status == 2 && $output == *"NO faults TESTS"* ]]
  run "$root/grange" test nonsense
  [[ $status == 2 ]]
}

@test "names what is missing on this machine in one command" {
  state=$BATS_TEST_TMPDIR GRANGE_TERMINAL=''
  . "$root/launcher/say.sh"
  . "$root/launcher/requirements.sh"
  run missing_packages surely-not-installed
  [[ $output == *surely-not-installed* ]]
  # shellcheck disable=SC2317 # called by what is tested
  command() { [[ $2 == dnf ]]; }
  run install_command busybox-static docker-registry jq
  [[ $output == *"dnf install -y busybox distribution jq"* ]]
}

@test "a status without a farm is 3, and down is harmless" {
  fake_checkout
  run "$checkout/grange" status
  [[ $status == 3 && $output == *"up -d"* ]]
  run "$checkout/grange" down
  [[ $status == 0 ]]
}
