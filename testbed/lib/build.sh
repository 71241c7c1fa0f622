# What clusters are made of, built once into the cache: Kubernetes, the proxy, the pause image. Sourced.
# shellcheck shell=bash

: "${cache:?}" "${bed:?}"

# The toolchain that is fetched where the machine has none that is new enough: as a Go module, like everything else.
go_version=1.24.13
declare -A go_sha256=(
  [amd64]=d2b048367a3d1a748b87f756fa06df12ce3b419e1d5f2a3612acb8950d615f9f
  [arm64]=4d31d22f75fed99025f7b082319eabeb74106d11e343fc203b336ba2afdeb3a1
)

new_enough() {
  local version
  version=$(GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null) && [[ $version =~ ^go1\.([0-9]+) ]] &&
    ((BASH_REMATCH[1] >= 24))
}

find_go() {
  local candidate
  for candidate in "$(command -v go || true)" /usr/local/go/bin/go /usr/lib/go-*/bin/go "$cache/go-$go_version/bin/go"; do
    if [[ -x $candidate ]] && new_enough "$candidate"; then
      go=$candidate
      return
    fi
  done
  fetch_go
  go=$cache/go-$go_version/bin/go
}

fetch_go() {
  local arch proxy module folder
  case $(uname -m) in
    x86_64) arch=amd64 ;;
    aarch64) arch=arm64 ;;
    *) die "Kubernetes is compiled by Go 1.24 or later: install it, there is none to fetch for $(uname -m)" ;;
  esac
  proxy=${GOPROXY:-$(go env GOPROXY 2>/dev/null || :)} # an older Go knows where modules come from
  proxy=${proxy%%[,|]*}
  [[ $proxy == http* ]] || die "Kubernetes is compiled by Go 1.24 or later: install it, or set GOPROXY to have it fetched"
  module=golang.org/toolchain@v0.0.1-go$go_version.linux-$arch
  say "Go 1.24 or later is missing: fetching $module"
  mkdir -p "$cache"
  folder=$(mktemp -d "$cache/go.XXXXXX") # mktemp fills in the X; beside its place, so that the last step is a rename
  curl --silent --show-error --fail --location -o "$folder/go.zip" \
    "${proxy%/}/golang.org/toolchain/@v/v0.0.1-go$go_version.linux-$arch.zip" ||
    die "Go $go_version is not to be had from $proxy: install Go 1.24 or later, or set GOPROXY"
  echo "${go_sha256[$arch]}  $folder/go.zip" | sha256sum --check --quiet || die "what $proxy sent is not Go $go_version"
  busybox unzip -q "$folder/go.zip" -d "$folder"
  chmod +x "$folder/$module"/bin/* "$folder/$module"/pkg/tool/*/*
  mv "$folder/$module" "$cache/go-$go_version"
  rm -rf "$folder"
}

# Usage: go_program NAME: the path below the cache, which changes with the sources.
go_program() {
  echo "$cache/$1-$(cat "$bed/$1"/{go.mod,go.sum,*.go} 2>/dev/null | sha256sum | cut -c1-16)"
}

# Usage: build_go NAME PACKAGE [LDFLAGS]. One at a time, and under its name only when it is whole.
build_go() {
  local target began
  target=$(go_program "$1")
  mkdir -p "$cache"
  (
    flock 9
    [[ ! -x $target ]] || exit 0
    find_go
    began=$(now)
    say "compiling $1 with $("$go" env GOVERSION)"
    # Nobody debugs it, so no DWARF; memory is cheaper than time.
    GOTOOLCHAIN=local GOFLAGS='' CGO_ENABLED=0 GOGC=400 "$go" build -C "$bed/$1" -mod=readonly -buildvcs=false -trimpath \
      -gcflags=all=-dwarf=false -ldflags "-s -w ${3:-}" -o "$target.new" "$2" >&2 || die "$1 does not compile"
    mv "$target.new" "$target"
    say "compiled $1 in $(since "$began") s"
  ) 9>"$cache/.lock"
}

find_hyperkube() {
  local version minor package=k8s.io/component-base/version
  if [[ -n ${HYPERKUBE:-} ]]; then
    [[ -x $HYPERKUBE ]] || die "HYPERKUBE=$HYPERKUBE is not a program"
    hyperkube=$HYPERKUBE
    return
  fi
  version=$(awk '$1 == "k8s.io/kubernetes" { print $2; exit }' "$bed/hyperkube/go.mod")
  minor=${version#v1.}
  build_go hyperkube . \
    "-X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}"
  hyperkube=$(go_program hyperkube)
  mkdir -p "$hyperkube.bin"
  ln -sf "$hyperkube" "$hyperkube.bin/kubectl"
}

find_proxy() {
  build_go toxiproxy github.com/Shopify/toxiproxy/v2/cmd/server
  # shellcheck disable=SC2034 # read by the faults
  proxy=$(go_program toxiproxy)
}

# ── The image that holds a pod's namespaces: a busybox that sleeps, so it is a stand-in for small test pods as well

pause_archive() { echo "$cache/pause-1.tar"; }

find_pause() {
  local archive
  archive=$(pause_archive)
  mkdir -p "$cache"
  (
    flock 9
    [[ ! -f $archive ]] || exit 0
    make_pause "$archive"
  ) 9>"$cache/.lock"
}

# A docker archive by hand: one layer with one file needs no builder.
make_pause() {
  local folder busybox digest
  busybox=$(command -v busybox) || die "busybox is missing: apt-get install --no-install-recommends busybox-static"
  ! head -c 4096 "$busybox" | grep -aq '/ld-' || die "busybox is not static: apt-get install --no-install-recommends busybox-static"
  folder=$(mktemp -d "$cache/pause.XXXXXX") # mktemp fills in the X
  mkdir -p "$folder/layer/bin" "$folder/layer/tmp"
  chmod 1777 "$folder/layer/tmp"
  cp "$busybox" "$folder/layer/bin/busybox"
  ln -s busybox "$folder/layer/bin/sh"
  tar -C "$folder/layer" --owner=0 --group=0 -cf "$folder/layer.tar" bin tmp
  digest=$(sha256sum "$folder/layer.tar" | cut -d' ' -f1)
  jq -n --arg digest "sha256:$digest" --arg arch "$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')" \
    '{architecture: $arch, os: "linux", config: {Env: ["PATH=/bin"], Entrypoint: ["/bin/busybox", "sleep", "2147483647"]},
      rootfs: {type: "layers", diff_ids: [$digest]}}' >"$folder/config.json"
  jq -n --arg image "${pause_image:?}" '[{Config: "config.json", RepoTags: [$image], Layers: ["layer.tar"]}]' >"$folder/manifest.json"
  tar -C "$folder" -cf "$1.new" manifest.json config.json layer.tar
  mv "$1.new" "$1"
  rm -rf "$folder"
}

testbed_build() {
  find_hyperkube
  find_proxy
  find_pause
  echo "$hyperkube"
}
