#!/usr/bin/env bash
# Process 1 of a cluster: it holds the network, mount and PID namespaces and reaps orphans. Its end ends every process of
# the cluster, pods included, and drops every mount that they made.
set -eu
state=$1
mount --make-rshared /
while read -r folder; do
  mkdir -p "$state/private$folder"
  mount --bind "$state/private$folder" "$folder"
done <"$state/private.folders"
: >"$state/init.ready"
while :; do
  sleep 86400 &
  wait $! || true
done
