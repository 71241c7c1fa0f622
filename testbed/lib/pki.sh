# Keys, certificates and kubeconfigs of a cluster. Sourced.
# shellcheck shell=bash

# EC for the components; RSA for the user, since some client libraries want it.
new_key() {
  if [[ ${2:-ec} == rsa ]]; then
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$1" 2>/dev/null
  else
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null
  fi
}

new_cert() { # new_cert NAME SUBJECT USAGE [EXTENSION] [rsa]
  local pki=$state/pki
  new_key "$pki/$1.key" "${5:-ec}"
  openssl req -new -key "$pki/$1.key" -subj "$2" -out "$pki/$1.csr"
  openssl x509 -req -in "$pki/$1.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -CAcreateserial -days 365 -out "$pki/$1.crt" \
    -extfile <(printf 'keyUsage=digitalSignature\nextendedKeyUsage=%s\n%s\n' "$3" "${4:-}") 2>/dev/null
}

make_pki() {
  local pki=$state/pki
  (umask 077 && mkdir -p "$pki")
  new_key "$pki/ca.key"
  openssl req -x509 -new -key "$pki/ca.key" -subj "/CN=$name-ca" -days 365 -out "$pki/ca.crt"
  # 127.0.0.1 is also where the proxy listens, on this machine.
  new_cert apiserver /CN=kube-apiserver serverAuth \
    "subjectAltName=IP:127.0.0.1,IP:$node_ip,IP:${service_net:?}.0.1,DNS:localhost,DNS:kubernetes.default.svc"
  new_cert kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client clientAuth
  new_cert admin /O=system:masters/CN=admin clientAuth "" rsa
  new_cert kcm /CN=system:kube-controller-manager clientAuth
  new_cert scheduler /CN=system:kube-scheduler clientAuth
  new_cert kubelet "/O=system:nodes/CN=system:node:$node" clientAuth,serverAuth \
    "subjectAltName=IP:$node_ip,IP:127.0.0.1,DNS:$node"
  new_key "$pki/sa.key"
  openssl pkey -in "$pki/sa.key" -pubout -out "$pki/sa.pub"
}

# Usage: write_kubeconfig CERTIFICATE HOST:PORT FILE
write_kubeconfig() {
  local pki=$state/pki
  (
    umask 077
    cat >"$3" <<Y
apiVersion: v1
kind: Config
clusters: [{name: $name, cluster: {server: "https://$2", certificate-authority-data: $(base64 -w0 "$pki/ca.crt")}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w0 "$pki/$1.crt"), client-key-data: $(base64 -w0 "$pki/$1.key")}}]
contexts: [{name: $name, context: {cluster: $name, user: $1}}]
current-context: $name
Y
  )
}
