# What goes wrong in real clusters, on demand. Sourced.
# shellcheck shell=bash

: "${components:?}"

testbed_partition() {
  need_root
  use_cluster "${1:-}"
  ip link set "$host_if" down
  say "$name is cut off"
}

testbed_heal() {
  need_root
  use_cluster "${1:-}"
  link_up
  say "$name is connected"
}

known_component() {
  local component
  for component in "${components[@]}"; do [[ $component != "${1:-}" ]] || return 0; done
  usage_error "not a component: '${1:-}'; there are ${components[*]}"
}

testbed_kill() {
  need_root
  use_cluster "${1:-}"
  known_component "${2:-}"
  local pid
  pid=$(read_pid "$state/$2.pid") || die "$2 of $name does not run"
  kill -KILL "$pid"
  while read_pid "$state/$2.pid" >/dev/null; do sleep 0.02; done
  say "$2 of $name is dead"
}

testbed_start() {
  need_root
  use_cluster "${1:-}"
  known_component "${2:-}"
  ! read_pid "$state/$2.pid" >/dev/null || die "$2 of $name runs"
  find_hyperkube
  "start_$2"
  "ready_$2"
  say "$2 of $name runs again"
}

# ── Evictions, by the API as a drain does it

evict() { # evict NAMESPACE POD
  api POST "/api/v1/namespaces/$1/pods/$2/eviction" \
    '{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "'"$2"'", "namespace": "'"$1"'"}}' >/dev/null
}

testbed_evict() {
  use_cluster "${1:-}"
  (($# == 3)) || usage_error "evict needs NAME NAMESPACE POD"
  evict "$2" "$3"
}

cordon() { # cordon true|false
  API_CONTENT_TYPE=application/merge-patch+json \
    api PATCH "/api/v1/nodes/$node" '{"spec": {"unschedulable": '"$1"'}}' >/dev/null
}

testbed_drain() {
  use_cluster "${1:-}"
  local namespace pod
  cordon true
  while read -r namespace pod; do
    evict "$namespace" "$pod"
  done < <(api GET "/api/v1/pods?fieldSelector=spec.nodeName=$node" |
    jq -r '.items[] | select(.status.phase | IN("Pending", "Running")) | "\(.metadata.namespace) \(.metadata.name)"')
}

testbed_uncordon() {
  use_cluster "${1:-}"
  cordon false
}

# ── A TCP proxy before the API server. It runs beside it, so that a partition loses packets before they come to the proxy.

proxy_api() { # proxy_api METHOD PATH [BODY]
  local body=()
  (($# < 3)) || body=(--data "$3")
  in_cluster curl --silent --show-error --fail-with-body --max-time 10 --noproxy '*' -A grange-testbed \
    -X "$1" "${body[@]}" "http://127.0.0.1:8474$2" >/dev/null
}

testbed_proxy() {
  need_root
  use_cluster "${1:-}"
  if ! read_pid "$state/proxy.pid" >/dev/null; then
    find_proxy
    launch proxy "$proxy" -host 127.0.0.1 -port 8474
    await 20 proxy proxy_api GET /version
    proxy_api POST /proxies '{"name": "apiserver", "listen": "'"$node_ip"':6444", "upstream": "127.0.0.1:6443"}'
    write_kubeconfig admin "$node_ip:6444" "$state/proxied.kubeconfig"
  fi
  echo "$state/proxied.kubeconfig"
}

toxic() { # toxic TYPE ATTRIBUTES [STREAM]: both ways, or one
  local stream
  for stream in ${3:-upstream downstream}; do
    proxy_api POST /proxies/apiserver/toxics \
      '{"name": "'"$1-$stream"'", "type": "'"$1"'", "stream": "'"$stream"'", "attributes": '"$2"'}'
  done
}

use_proxy() {
  use_cluster "${1:-}"
  read_pid "$state/proxy.pid" >/dev/null || die "$name has no proxy; start it with: grange testbed proxy $name"
}

testbed_slow() {
  use_proxy "${1:-}"
  [[ ${2:-} =~ ^[0-9]+$ ]] || usage_error "slow needs a number of milliseconds"
  toxic latency '{"latency": '"$2"'}'
}

testbed_hang() {
  use_proxy "${1:-}"
  # A timeout of 0 passes nothing on and closes nothing.
  toxic timeout '{"timeout": 0}'
}

testbed_mute() {
  use_proxy "${1:-}"
  toxic timeout '{"timeout": 0}' downstream
}

testbed_cut() {
  use_proxy "${1:-}"
  proxy_api POST /proxies/apiserver '{"enabled": false}'
}

testbed_mend() {
  use_proxy "${1:-}"
  proxy_api POST /reset
}
