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

# On clusters of the testbed, or on those that GRANGE_E2E_KUBECONFIGS names. Whatever is missing fails: there is no
# silent pass.
end_to_end_tests() {
  local status=0
  if [[ -z ${GRANGE_E2E_KUBECONFIGS:-} ]]; then
    ((EUID == 0)) || fail 9 "the end-to-end tests NEED ROOT for clusters of their own: nothing was tested. Or name clusters in GRANGE_E2E_KUBECONFIGS"
    require "${testbed_programs[@]}"
    with_progress "building the testbed (the first time compiles Kubernetes: five to fifteen minutes)" "$state/testbed.log" \
      "$root/testbed/grange-testbed" build || fail 9 "there is no testbed, so NOTHING WAS TESTED"
  else
    require curl jq mmdebstrap
  fi
  build_client
  build_farm
  maven_tests verify -f "$root/testbed/pom.xml" -DskipITs=false || status=1
  if ((status == 0)); then say "all end-to-end tests passed"; else say "END-TO-END TESTS FAILED"; fi
  return "$status"
}
