#!/usr/bin/env bash
# The rival that guides teach: openssl.sh ROOT COUNT KEY makes everything anew with one openssl command after another.
set -euo pipefail
umask 022
root=$1 count=$2 kind=$3 host=build-01.example.com
directory=$root/etc/docker/tls
case $kind in
rsa-*) new_key=(genpkey -quiet -algorithm RSA -pkeyopt "rsa_keygen_bits:${kind#rsa-}") ;;
*) new_key=(genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256) ;;
esac
openssl genpkey -quiet -help >/dev/null 2>&1 || new_key=("${new_key[@]:0:1}" "${new_key[@]:2}")

# leaf NAME PURPOSE SANS CERTIFICATE KEY
leaf() {
    (umask 077 && openssl "${new_key[@]}" -out "$5" 2>/dev/null)
    openssl req -new -key "$5" -subj "/CN=$1" -out "$4.csr"
    printf 'subjectAltName = %s\nextendedKeyUsage = %s\n' "$3" "$2" >"$4.ext"
    openssl x509 -req -in "$4.csr" -days 365 -sha256 -CA "$directory/ca.pem" -CAkey "$directory/ca-key.pem" \
        -CAcreateserial -extfile "$4.ext" -out "$4" 2>/dev/null
    rm "$4.csr" "$4.ext"
}

mkdir -p "$directory" "$root/etc/systemd/system/docker.service.d"
(umask 077 && openssl "${new_key[@]}" -out "$directory/ca-key.pem" 2>/dev/null)
openssl req -new -x509 -days 3650 -key "$directory/ca-key.pem" -sha256 -subj "/CN=$host Docker CA" -out "$directory/ca.pem"
leaf "$host" serverAuth "DNS:$host,IP:10.10.10.20,IP:127.0.0.1" "$directory/server-cert.pem" "$directory/server-key.pem"
for ((number = 1; number <= count; number++)); do
    printf -v name 'client-%05d' "$number"
    folder=$directory/clients/$name
    mkdir -p "$folder"
    leaf "$name" clientAuth "DNS:$name" "$folder/cert.pem" "$folder/key.pem"
    cp "$directory/ca.pem" "$folder/ca.pem"
done
cat >"$root/etc/docker/daemon.json" <<'JSON'
{
  "hosts": ["fd://", "tcp://0.0.0.0:2376"],
  "tlsverify": true,
  "tlscacert": "/etc/docker/tls/ca.pem",
  "tlscert": "/etc/docker/tls/server-cert.pem",
  "tlskey": "/etc/docker/tls/server-key.pem"
}
JSON
printf '[Service]\nExecStart=\nExecStart=/usr/bin/dockerd --containerd=/run/containerd/containerd.sock\n' \
    >"$root/etc/systemd/system/docker.service.d/zz-dockseal.conf"
