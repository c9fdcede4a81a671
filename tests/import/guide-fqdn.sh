# The second guide, by hand: /etc/docker/tls, a full name, a second one and an address; the flags stay in the unit's line,
# and daemon.json has only the `hosts` beside them by an override.
mkdir -p "$ROOT/etc/docker/tls" "$ROOT/etc/systemd/system/docker.service.d"
cd "$ROOT/etc/docker/tls"
openssl genrsa -out ca-key.pem 4096
openssl req -new -x509 -days 3650 -key ca-key.pem -sha256 -out ca.pem -subj '/CN=docker.example.com CA'
openssl genrsa -out server-key.pem 2048
openssl req -subj '/CN=docker.example.com' -sha256 -new -key server-key.pem -out server.csr
printf 'subjectAltName = DNS:docker.example.com,DNS:build.example.com,IP:10.10.10.20\nextendedKeyUsage = serverAuth\n' \
    >extfile.cnf
openssl x509 -req -days 730 -sha256 -in server.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -out server-cert.pem \
    -extfile extfile.cnf
mkdir -p clients/laptop
openssl genrsa -out clients/laptop/key.pem 2048
openssl req -subj '/O=Example/CN=laptop' -new -key clients/laptop/key.pem -out client.csr
echo extendedKeyUsage = clientAuth >extfile-client.cnf
openssl x509 -req -days 365 -sha256 -in client.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial \
    -out clients/laptop/cert.pem -extfile extfile-client.cnf
cp ca.pem clients/laptop/
rm -f ./*.csr ./*.cnf
cat >"$ROOT/etc/docker/daemon.json" <<JSON
{"tlsverify": true, "tlscacert": "/etc/docker/tls/ca.pem", "tlscert": "/etc/docker/tls/server-cert.pem", "tlskey": "/etc/docker/tls/server-key.pem"}
JSON
printf '[Service]\nExecStart=\nExecStart=%s -H fd:// -H tcp://0.0.0.0:2376\n' "$DOCKERD" \
    >"$ROOT/etc/systemd/system/docker.service.d/override.conf"
