# Clusters of this machine, and the tests that need them. Sourced.
# shellcheck shell=bash

: "${root:?}" "${state:?}"

# Program and Debian package.
testbed_programs=(ip:iproute2 pgrep:procps openssl curl jq etcd:etcd-server containerd runc
  "${CNI_BIN_DIR:-/usr/lib/cni}/bridge:containernetworking-plugins" mmdebstrap)

run_testbed() {
  case ${1:-} in up | build) require "${testbed_programs[@]}" ;; esac
  exec "$root/testbed/grange-testbed" "$@"
}

# The worker's image, from a Debian suite whose buildah is new enough.
worker_archive() {
  local suite=${GRANGE_E2E_DEBIAN_SUITE:-forky} cache=${GRANGE_CACHE:-$HOME/.cache/grange}/testbed
  export GRANGE_E2E_WORKER_ARCHIVE=$cache/worker-$suite.tar
  with_progress "building the worker's image from Debian $suite" "$state/worker-image.log" \
    "$root/worker-image/build-image" --debian "$suite" "$GRANGE_E2E_WORKER_ARCHIVE" ||
    fail 9 "there is no worker image, so NOTHING WAS TESTED"
}

# The kind kubernetes passes the suite that every kind of cluster passes, on a cluster of its own, with the service account of
# deploy/cluster and no more rights. A subshell: whatever happens, nothing is left behind.
contract_tests() (
  bed=$root/testbed/grange-testbed
  folder=$(mktemp -d)
  trap '"$bed" down contract >/dev/null; rm -rf "$folder"' EXIT
  "$bed" up contract >/dev/null && "$bed" load contract "$GRANGE_E2E_WORKER_ARCHIVE" || exit
  "$bed" kubectl contract apply -f "$root/deploy/cluster" >/dev/null || exit
  KUBECONFIG=$("$bed" kubeconfig contract) "$root/deploy/cluster/make-kubeconfig" --duration 2h >"$folder/kubeconfig" || exit
  # what an out-of-memory killer does: the container's processes are gone, and nobody told the API server before
  cat >"$folder/kill" <<'SCRIPT'
#!/usr/bin/env bash
set -euo pipefail
node=(ctr --address "$NODE" --namespace k8s.io)
container=$("${node[@]}" containers list --quiet \
  "labels.\"io.kubernetes.pod.name\"==$1,labels.\"io.kubernetes.container.name\"==worker")
exec "${node[@]}" tasks kill --signal SIGKILL "${container:?"pod $1 has no container"}"
SCRIPT
  chmod +x "$folder/kill"
  NODE=$(dirname "$("$bed" kubeconfig contract)")/containerd.sock GRANGE_E2E_KUBECONFIG=$folder/kubeconfig \
    GRANGE_E2E_ADMIN_KUBECONFIG=$("$bed" kubeconfig contract) GRANGE_E2E_NAMESPACE=grange-builds GRANGE_E2E_WORKER_IMAGE=localhost/grange/worker:1 GRANGE_E2E_KILL=$folder/kill \
    maven_tests verify -Dquick -pl scheduler -am -Dit.test=KubernetesClusterE2E -Dtest=NoUnitTest \
    -Dsurefire.failIfNoSpecifiedTests=false -Dfailsafe.failIfNoSpecifiedTests=false
)

# On clusters of the testbed, or on those that GRANGE_E2E_KUBECONFIGS names. Whatever is missing fails: there is no
# silent pass.
end_to_end_tests() {
  local status=0
  if [[ -z ${GRANGE_E2E_KUBECONFIGS:-} ]]; then
    ((EUID == 0)) || fail 9 "the end-to-end tests NEED ROOT for clusters of their own: nothing was tested. Or name clusters in GRANGE_E2E_KUBECONFIGS"
    require "${testbed_programs[@]}"
    with_progress "building the testbed (the first time compiles Kubernetes: five to fifteen minutes)" "$state/testbed.log" \
      "$root/testbed/grange-testbed" build || fail 9 "there is no testbed, so NOTHING WAS TESTED"
    PATH=$PATH:$("$root/testbed/grange-testbed" build).bin # kubectl, where the machine has none
    worker_archive
  else
    [[ -n ${GRANGE_E2E_WORKER_IMAGE:-} && -n ${GRANGE_E2E_ADDRESS:-} ]] ||
      fail 9 "given clusters need GRANGE_E2E_WORKER_IMAGE, which they can pull, and GRANGE_E2E_ADDRESS, at which they reach this machine: NOTHING WAS TESTED"
    require curl jq kubectl
  fi
  build_client
  build_farm
  if [[ -z ${GRANGE_E2E_KUBECONFIGS:-} ]]; then
    contract_tests || status=1
  else
    say "GRANGE_E2E_KUBECONFIGS is set: the contract suite of the kind kubernetes NEEDS A NODE OF ITS OWN AND IS NOT RUN"
  fi
  maven_tests verify -pl testbed -DskipITs=false || status=1
  if ((status == 0)); then say "all end-to-end tests passed"; else say "END-TO-END TESTS FAILED"; fi
  return "$status"
}
