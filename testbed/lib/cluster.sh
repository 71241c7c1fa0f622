# The life of clusters. Sourced.
# shellcheck shell=bash

: "${home:?}" "${components:?}"

testbed_up() {
  local names=() node=1 lost='' log='' cluster jobs=() status=0
  while (($#)); do
    case $1 in
      --no-node) node=0 ;;
      --node-lost)
        [[ ${2:-} =~ ^[1-9][0-9]{0,3}$ ]] || usage_error "--node-lost needs a number of seconds"
        lost=$2
        shift
        ;;
      --log-size)
        [[ ${2:-} =~ ^[1-9][0-9]{0,8}(Ki|Mi)?$ ]] || usage_error "--log-size needs a size such as 64Ki"
        log=$2
        shift
        ;;
      -*) usage_error "unknown option $1" ;;
      *)
        check_name "$1"
        names+=("$1")
        ;;
    esac
    shift
  done
  ((${#names[@]})) || usage_error "up needs a name"
  need_root
  need ip iproute2
  need pgrep procps
  need openssl openssl
  need curl curl
  need jq jq
  need etcd etcd-server
  if ((node)); then
    need containerd containerd
    need runc runc
    [[ -x $cni_bin/bridge ]] || die "$cni_bin/bridge is missing: apt-get install --no-install-recommends containernetworking-plugins"
  fi
  # Neither is ever built twice: the second caller waits for the first.
  find_hyperkube
  ((!node)) || find_pause
  local socket=$home/${names[0]}/containerd.sock.ttrpc
  ((${#socket} < 100)) || die "GRANGE_TESTBED_HOME is too long for a socket's path: $socket"
  for cluster in "${names[@]}"; do
    up_one "$cluster" "$node" "$lost" "$log" &
    jobs+=($!)
  done
  for cluster in "${jobs[@]}"; do wait "$cluster" || status=1; done
  ((status == 0)) || exit 1
  for cluster in "${names[@]}"; do echo "$home/$cluster/kubeconfig"; done
}

up_one() {
  local began component
  began=$(now)
  set_cluster "$1" none
  index=$(locked claim "$1")
  set_cluster "$1" "$index"
  mkdir -p "$state/log" "$state/certs.d" "$state/cni"
  chmod 700 "$state"
  [[ -z $3 ]] || echo "$3" >"$state/node-lost"
  [[ -z $4 ]] || echo "$4" >"$state/log-size"
  net_up
  make_pki
  write_kubeconfig admin "$node_ip:6443" "$state/kubeconfig"
  for component in kcm scheduler kubelet; do
    write_kubeconfig "$component" 127.0.0.1:6443 "$state/$component.kubeconfig"
  done
  audit_policy >"$state/audit.yaml"
  init_up
  start_etcd
  start_apiserver
  ready_apiserver
  start_kcm
  start_scheduler
  if (($2)); then
    cni_config >"$state/cni/10-bridge.conflist"
    containerd_config >"$state/containerd.toml"
    kubelet_config >"$state/kubelet.yaml"
    cgroup_up
    start_containerd
    ready_containerd
    load_image "$(pause_archive)" 2>/dev/null
    start_kubelet
    ready_kubelet
  fi
  ready_kcm
  say "$name is up after $(since "$began") s"
}

testbed_down() {
  local names=("$@") name
  (($#)) || usage_error "down needs a name, or --all"
  need_root
  [[ $1 != --all ]] || mapfile -t names < <(clusters)
  for name in "${names[@]}"; do
    check_name "$name"
    (down_one "$name")
  done
}

# Also of what a crash left, whatever is missing of it.
down_one() {
  local file
  set_cluster "$1" "$(cat "$home/$1/index" 2>/dev/null || echo none)"
  # Nothing needs a clean stop: the end of process 1 ends every process of the cluster.
  end_process "$state/init.pid"
  for file in "$state"/*.pid; do
    [[ ! -f $file ]] || end_process "$file"
  done
  net_down
  cgroup_down
  locked release "$name"
  say "$name is down"
}

testbed_status() {
  local cluster component pid list link
  printf '%-20s %-14s %-12s %s\n' NAME NODE LINK 'PROCESSES (MiB)'
  for cluster in $(clusters); do
    use_cluster "$cluster"
    list=
    for component in "${components[@]}" proxy; do
      if pid=$(read_pid "$state/$component.pid"); then
        list+="$component $(awk '/^VmRSS/ { printf "%d", $2 / 1024 }' "/proc/$pid/status"), "
      elif [[ -f $state/$component.pid ]]; then
        list+="$component DEAD, "
      fi
    done
    link=up
    ! is_partitioned || link=partitioned
    printf '%-20s %-14s %-12s %s\n' "$name" "$node_ip" "$link" "${list%, }"
  done
}

testbed_address() { echo "${farm_address:?}"; }

testbed_kubeconfig() {
  use_cluster "${1:-}"
  echo "$state/kubeconfig"
}

testbed_kubectl() {
  use_cluster "${1:-}"
  find_hyperkube
  KUBECONFIG=$state/kubeconfig exec "$hyperkube.bin/kubectl" "${@:2}"
}

testbed_audit() {
  use_cluster "${1:-}"
  echo "$state/log/audit.log"
}

testbed_log() {
  use_cluster "${1:-}"
  known_component "${2:-}"
  echo "$state/log/$2.log"
}

testbed_api() {
  use_cluster "${1:-}"
  (($# == 3 || $# == 4)) || usage_error "api needs NAME METHOD PATH [BODY]"
  local body=("${@:4}")
  [[ ${4:-} != - ]] || body=(@-)
  api "$2" "$3" "${body[@]}"
}

# Not in the namespaces: the archive may lie anywhere, and the socket is a file.
load_image() { ctr -a "$socket" -n k8s.io images import "$1" >&2; }

testbed_load() {
  need_root
  use_cluster "${1:-}"
  [[ -f ${2:-} ]] || usage_error "load needs the file of an image archive"
  load_image "$2"
}

testbed_trust() {
  use_cluster "${1:-}"
  [[ ${2:-} =~ ^[A-Za-z0-9.-]+:[0-9]+$ ]] || usage_error "trust needs HOST:PORT"
  mkdir -p "$state/certs.d/$2"
  printf 'server = "http://%s"\n[host."http://%s"]\n  capabilities = ["pull", "resolve"]\n' "$2" "$2" \
    >"$state/certs.d/$2/hosts.toml"
}

testbed_exec() {
  need_root
  use_cluster "${1:-}"
  shift
  in_cluster "$@"
}
