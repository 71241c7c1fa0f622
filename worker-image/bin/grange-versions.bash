# What the worker is made of. Sourced by the entrypoint and the probe.
# shellcheck shell=bash disable=SC2034

# Sets `buildah` and `skopeo` to what the two say of their version. In the worker image a file knows it: each of the questions takes 20 ms.
read_versions() {
  local known=${GRANGE_VERSIONS_FILE:-/etc/grange-worker-versions}
  buildah='' skopeo=''
  [[ ! -r $known ]] || { read -r buildah && read -r skopeo; } <"$known" || :
  buildah=${GRANGE_BUILDAH_VERSION:-${buildah:-$(buildah --version || :)}}
}

# number TEXT: sets `number` to the first version number in it, such as 1.43.2; empty if there is none
number() {
  number=''
  [[ ! $1 =~ [0-9]+(\.[0-9]+)+ ]] || number=${BASH_REMATCH[0]}
}

# at_least IS WANTED: whether version IS is not older; no version at all is older than any
at_least() {
  local is wanted i
  IFS=. read -ra is <<<"$1"
  IFS=. read -ra wanted <<<"$2"
  for i in "${!wanted[@]}"; do
    ((10#${is[i]:-0} == 10#${wanted[i]})) || return "$((10#${is[i]:-0} < 10#${wanted[i]}))"
  done
}
