# What clusters change on the machine, and how it is put back: the first cluster makes it, the last one undoes it. Sourced.
# shellcheck shell=bash

: "${home:?}"

# Settings of the kernel that a kubelet changes and that no namespace isolates.
host_sysctls=(kernel.panic kernel.panic_on_oops vm.overcommit_memory vm.panic_on_oom
  kernel.keys.root_maxkeys kernel.keys.root_maxbytes)

# Paths that the node's programs fix. Inside a cluster each is a folder below its state, so clusters do not meet there.
private_folders=(/run/netns /run/containerd /var/lib/containerd /var/lib/cni /var/lib/kubelet
  /var/log/containers /var/log/pods)

# Reserves a name and an index, prepares the machine, prints the index. Under the lock.
claim() {
  local name=$1 index cluster used=' ' key folder
  [[ ! -e $home/$name && ! -e /run/netns/grange-$name ]] ||
    die "cluster '$name' is there, or something of it is; remove it with: grange testbed down $name"
  for cluster in $(clusters); do used+="$(<"$home/$cluster/index") "; done
  for ((index = 1; index < 255; index++)); do
    [[ $used == *" $index "* || -n $(ip -o addr show to "$net.$index.1") ]] || break
  done
  ((index < 255)) || die "there are too many clusters"
  if [[ $used == ' ' ]]; then
    # A file that a crash left behind has the true values: keep it.
    [[ -f $home/.sysctl ]] || for key in "${host_sysctls[@]}"; do
      [[ ! -e /proc/sys/${key//.//} ]] || echo "$key = $(sysctl -n "$key")"
    done >"$home/.sysctl"
    touch "$home/.created"
  fi
  for folder in "${private_folders[@]}"; do
    [[ -d $folder ]] || {
      mkdir -p "$folder"
      echo "$folder" >>"$home/.created"
    }
    # Who removes an empty folder here takes away what clusters have mounted there: the kernel lets go of mounts in other
    # namespaces. (Each file in /run/netns counts as a namespace; it is not empty while there are clusters.)
    [[ $folder == /run/netns ]] || : >"$folder/.grange-testbed"
  done
  shared_net_up
  mkdir -p "$home/$name"
  echo "$index" >"$home/$name/index"
  echo "$index"
}

# Forgets a cluster; after the last one the machine is as it was. Under the lock.
release() {
  local folder
  rm -rf --one-file-system "${home:?}/${1:?}"
  [[ -z $(clusters) ]] || return 0
  shared_net_down
  for folder in "${private_folders[@]}"; do rm -f "$folder/.grange-testbed"; done
  if [[ -f $home/.sysctl ]]; then
    sysctl -q -p "$home/.sysctl" && rm -f "$home/.sysctl"
  fi
  if [[ -f $home/.created ]]; then
    while read -r folder; do
      rmdir --ignore-fail-on-non-empty "$folder" 2>/dev/null || true
    done <"$home/.created"
    rm -f "$home/.created"
  fi
}

# The cluster's folder in each hierarchy of cgroups (v1, hybrid), or the only one (v2).
cgroup_folders() {
  local hierarchy
  if [[ -f /sys/fs/cgroup/cgroup.controllers ]]; then
    echo "/sys/fs/cgroup/$cgroup"
  else
    for hierarchy in /sys/fs/cgroup/*/; do
      [[ -L ${hierarchy%/} ]] || echo "$hierarchy$cgroup"
    done
  fi
}

cgroup_up() {
  local folder file controllers
  for folder in $(cgroup_folders); do mkdir -p "$folder"; done
  if [[ -f /sys/fs/cgroup/cgroup.controllers ]]; then
    read -ra controllers </sys/fs/cgroup/cgroup.controllers
    for file in "${controllers[@]}"; do
      echo "+$file" >/sys/fs/cgroup/cgroup.subtree_control || true
    done 2>/dev/null
  elif [[ -d /sys/fs/cgroup/cpuset/$cgroup ]]; then
    # A new group of v1 has no processors, and takes no process until it has.
    for file in cpuset.cpus cpuset.mems; do
      cat "/sys/fs/cgroup/cpuset/$file" >"/sys/fs/cgroup/cpuset/$cgroup/$file"
    done
  fi
}

cgroup_down() {
  local folder i
  for folder in $(cgroup_folders); do
    for ((i = 0; i < 100; i++)); do
      [[ -d $folder ]] || break
      find "$folder" -depth -type d -exec rmdir {} \; 2>/dev/null || true
      [[ ! -d $folder ]] || sleep 0.1
    done
    [[ ! -d $folder ]] || die "cgroup $folder is still in use"
  done
}
