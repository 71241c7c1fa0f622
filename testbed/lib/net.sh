# The network of a cluster: a namespace, a veth pair, fixed addresses. Sourced.
#
#   this machine  grange-vINDEX  NET.INDEX.1 ─── NET.INDEX.2  eth0  netns grange-NAME ─── cni0 ─── pods POD_NET.INDEX.0/24
#                 grange-sink    NET.0.1
#
# Nothing is masqueraded and nothing forwarded: a cluster reaches the addresses of this machine and nothing beyond it.
# shellcheck shell=bash

: "${net:?}" "${pod_net:?}" "${sink_if:?}"

# While a link is down its routes are gone, and packets for the cluster would take the machine's default route. The sink
# is a less specific route that swallows them silently: that is what makes a partition look like loss, and keeps its
# traffic on this machine.
shared_net_up() {
  if [[ ! -e /sys/class/net/$sink_if ]]; then
    ip link add "$sink_if" type veth peer name "$sink_if-x"
  fi
  ip link set "$sink_if" addrgenmode none arp off
  ip link set "$sink_if-x" addrgenmode none arp off
  ip link set "$sink_if-x" up
  ip link set "$sink_if" up
  # A metric of its own: somebody else's route of the same span does not hinder.
  ip route replace "$net.0.0/16" dev "$sink_if" metric 4000
  ip route replace "$pod_net.0.0/16" dev "$sink_if" metric 4000
  # The one address of this machine that is the same for all clusters: a farm's registries listen here.
  ip addr replace "${farm_address:?}/32" dev "$sink_if"
}

shared_net_down() {
  [[ ! -e /sys/class/net/$sink_if ]] || ip link del "$sink_if"
}

net_up() {
  local mac
  ip netns add "$netns"
  ip link add "$host_if" type veth peer name eth0 netns "$netns"
  ip link set "$host_if" addrgenmode none
  ip addr add "$host_ip/24" dev "$host_if"
  # Also where the machine forwards for others: nothing from a cluster goes on.
  sysctl -qw "net.ipv4.conf.$host_if.forwarding=0"
  mac=$(<"/sys/class/net/$host_if/address")
  ip -n "$netns" link set lo up
  ip -n "$netns" link set eth0 addrgenmode none
  ip -n "$netns" addr add "$node_ip/24" dev eth0
  ip -n "$netns" link set eth0 up
  ip -n "$netns" route add default via "$host_ip"
  # A fixed neighbour: during a partition packets get lost, as on a broken network, instead of "no route to host".
  ip -n "$netns" neigh replace "$host_ip" lladdr "$mac" dev eth0 nud permanent
  ip netns exec "$netns" sysctl -qw net.ipv4.ip_forward=1
  link_up
}

link_up() {
  ip link set "$host_if" up
  ip route replace "$pod_cidr" via "$node_ip" dev "$host_if"
}

net_down() {
  [[ ! -e /sys/class/net/$host_if ]] || ip link del "$host_if"
  [[ ! -e /run/netns/$netns ]] || ip netns del "$netns"
}

is_partitioned() { ! ip -o link show dev "$host_if" 2>/dev/null | grep -q '[<,]UP[,>]'; }
