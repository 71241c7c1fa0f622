# The processes of a cluster, each of which can be killed and started again. Sourced.
# shellcheck shell=bash

: "${service_net:?}" "${pause_image:?}" "${cni_bin:?}" "${private_folders:?}"

init_up() {
  local pid="" parent i
  printf '%s\n' "${private_folders[@]}" >"$state/private.folders"
  setsid nsenter --net="/run/netns/$netns" \
    unshare --mount --propagation slave --pid --fork --kill-child --mount-proc \
    bash "${bed:?}/lib/init.sh" "$state" >"$state/log/init.log" 2>&1 </dev/null &
  parent=$!
  for ((i = 0; i < 200; i++)); do
    [[ ! -e $state/init.ready ]] || { pid=$(pgrep -P "$parent") && break; }
    sleep 0.05
  done
  [[ -n $pid ]] || die "cannot make the namespaces: $(<"$state/log/init.log")"
  write_pid "$state/init.pid" "$pid"
}

in_cluster() {
  local pid
  pid=$(read_pid "$state/init.pid") || die "$name does not run"
  nsenter -t "$pid" -m -n -p -- "$@"
}

# Usage: launch COMPONENT COMMAND…: in the namespaces, with a clean environment.
launch() {
  local component=$1 pid="" init parent i
  shift
  init=$(read_pid "$state/init.pid") || die "$name does not run"
  setsid nsenter -t "$init" -m -n -p -- env -i PATH="$PATH" HOME="$state" LANG=C.UTF-8 "$@" \
    >>"$state/log/$component.log" 2>&1 </dev/null &
  parent=$! # nsenter; the component is its child
  for ((i = 0; i < 200; i++)); do
    pid=$(pgrep -P "$parent") && break
    kill -0 "$parent" 2>/dev/null || break
    sleep 0.02
  done
  if [[ -z $pid ]] || ! write_pid "$state/$component.pid" "$pid"; then ended "$component"; fi
}

ended() {
  say "$name: $1 ended; the last lines of $state/log/$1.log:"
  tail -n 15 "$state/log/$1.log" >&2
  die "clean up with: grange testbed down $name"
}

# Usage: await SECONDS COMPONENT COMMAND…: until the command succeeds.
await() {
  local limit=$1 component=$2 began=$SECONDS
  shift 2
  until "$@" >/dev/null 2>&1; do
    read_pid "$state/$component.pid" >/dev/null || ended "$component"
    ((SECONDS - began < limit)) || die "$name: gave up after $limit s of waiting for: $*"
    sleep 0.1
  done
}

# Usage: api METHOD PATH [BODY]. From this machine, as the administrator.
api() {
  local body=()
  (($# < 3)) || body=(-H "Content-Type: ${API_CONTENT_TYPE:-application/json}" --data-binary "$3")
  curl --silent --show-error --fail-with-body --max-time 10 --noproxy '*' \
    --cacert "$state/pki/ca.crt" --cert "$state/pki/admin.crt" --key "$state/pki/admin.key" \
    -X "$1" "${body[@]}" "https://$node_ip:6443$2"
}

node_ready() {
  api GET "/api/v1/nodes/$node" | jq -e '.status.conditions[] | select(.type == "Ready") | .status == "True"'
}

ctr_works() { ctr -a "$socket" version; }

# ── One function to start each, and one to wait until it answers

start_etcd() {
  launch etcd "$(command -v etcd)" --name "$name" --data-dir "$state/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
    --initial-cluster "$name=http://127.0.0.1:2380"
}
ready_etcd() { :; } # the API server waits for it

start_apiserver() {
  local pki=$state/pki flags=()
  # How long a pod stays bound to a node that is gone, unless it says so itself.
  [[ ! -f $state/node-lost ]] || flags=(--default-not-ready-toleration-seconds=2 --default-unreachable-toleration-seconds=2)
  launch apiserver "$hyperkube" kube-apiserver --etcd-servers=http://127.0.0.1:2379 \
    --bind-address=0.0.0.0 --secure-port=6443 --advertise-address="$node_ip" --endpoint-reconciler-type=none \
    --service-cluster-ip-range="$service_net.0.0/16" \
    --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" --client-ca-file="$pki/ca.crt" \
    --kubelet-client-certificate="$pki/kubelet-client.crt" --kubelet-client-key="$pki/kubelet-client.key" \
    --kubelet-certificate-authority="$pki/ca.crt" --kubelet-preferred-address-types=InternalIP \
    --service-account-issuer=https://kubernetes.default.svc \
    --service-account-key-file="$pki/sa.pub" --service-account-signing-key-file="$pki/sa.key" \
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --anonymous-auth=false \
    --audit-policy-file="$state/audit.yaml" --audit-log-path="$state/log/audit.log" --audit-log-mode=blocking \
    --allow-privileged=true --profiling=false "${flags[@]}"
}
ready_apiserver() { await 120 apiserver api GET /readyz; }

start_kcm() {
  local pki=$state/pki flags=()
  [[ ! -f $state/node-lost ]] ||
    flags=(--node-monitor-period=1s "--node-monitor-grace-period=$(<"$state/node-lost")s")
  launch kcm "$hyperkube" kube-controller-manager --kubeconfig="$state/kcm.kubeconfig" \
    --authentication-kubeconfig="$state/kcm.kubeconfig" --authorization-kubeconfig="$state/kcm.kubeconfig" \
    --bind-address=127.0.0.1 --use-service-account-credentials=true --leader-elect=false \
    --service-account-private-key-file="$pki/sa.key" --root-ca-file="$pki/ca.crt" \
    --cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key" \
    --kube-api-qps=200 --kube-api-burst=400 --cert-dir="$state/kcm-certs" --profiling=false "${flags[@]}"
}
ready_kcm() { await 60 kcm api GET /api/v1/namespaces/default/serviceaccounts/default; }

start_scheduler() {
  launch scheduler "$hyperkube" kube-scheduler --kubeconfig="$state/scheduler.kubeconfig" \
    --authentication-kubeconfig="$state/scheduler.kubeconfig" --authorization-kubeconfig="$state/scheduler.kubeconfig" \
    --bind-address=127.0.0.1 --leader-elect=false --cert-dir="$state/scheduler-certs" --profiling=false
}
ready_scheduler() { :; }

start_containerd() { launch containerd "$(command -v containerd)" -c "$state/containerd.toml"; }
ready_containerd() { await 60 containerd ctr_works; }

start_kubelet() {
  launch kubelet "$hyperkube" kubelet --config="$state/kubelet.yaml" --kubeconfig="$state/kubelet.kubeconfig" \
    --hostname-override="$node" --node-ip="$node_ip"
}
ready_kubelet() { await 120 kubelet node_ready; }

# ── Their configuration

audit_policy() {
  cat <<'Y'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  # The cluster talking to itself would be most of it.
  - {level: None, userGroups: ["system:nodes", "system:serviceaccounts:kube-system"]}
  - {level: None, users: ["system:apiserver", "system:kube-scheduler", "system:kube-controller-manager"]}
  - {level: Metadata}
Y
}

# Debian 12 has containerd 1.6, Debian 13 has 1.7; 2.x calls things otherwise.
containerd_config() {
  local version
  version=$(containerd --version | sed -nE 's/.* v?([0-9]+)\.[0-9]+\.[0-9]+.*/\1/p')
  # restrict_oom_score_adj: without CAP_SYS_RESOURCE nobody may lower a score, and runc fails.
  if ((${version:-1} >= 2)); then
    cat <<T
version = 3
disabled_plugins = ["io.containerd.nri.v1.nri"]
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "$socket"
[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "$pause_image"
[plugins."io.containerd.cri.v1.images".registry]
  config_path = "$state/certs.d"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  disable_apparmor = true
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["$cni_bin"]
  conf_dir = "$state/cni"
T
  else
    cat <<T
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "$socket"
[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$pause_image"
  restrict_oom_score_adj = true
  disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "$state/certs.d"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "$cni_bin"
  conf_dir = "$state/cni"
T
  fi
}

kubelet_config() {
  cat <<Y
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 0.0.0.0
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $state/pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $state/pki/kubelet.crt
tlsPrivateKeyFile: $state/pki/kubelet.key
containerRuntimeEndpoint: unix://$socket
cgroupRoot: /$cgroup
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
volumePluginDir: /var/lib/kubelet/volume-plugins
makeIPTablesUtilChains: false
resolvConf: ""
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
serializeImagePulls: false
maxPods: 100
Y
  if [[ -f $state/node-lost ]]; then
    # It renews its lease four times in this span: no short stall of a busy machine loses a node.
    echo "nodeLeaseDurationSeconds: $(<"$state/node-lost")"
    echo "nodeStatusUpdateFrequency: 1s"
  fi
  if [[ -f $state/log-size ]]; then
    # As often as a kubelet looks, and as few as it keeps.
    echo "containerLogMaxSize: $(<"$state/log-size")"
    echo "containerLogMaxFiles: 2"
    echo "containerLogMonitorInterval: 3s"
  fi
}

cni_config() {
  cat <<Y
{"cniVersion": "1.0.0", "name": "$netns", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "$pod_cidr"}]],
            "routes": [{"dst": "0.0.0.0/0"}]}}]}
Y
}
