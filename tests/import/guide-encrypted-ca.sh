# The first guide, by hand: /var/docker, an encrypted CA key, a server with SANs, a client in the same folder, daemon.json
# for all of it and an override.conf that takes `-H fd://` out of the unit's line.
mkdir -p "$ROOT/var/docker" "$ROOT/etc/docker" "$ROOT/etc/systemd/system/docker.service.d"
cd "$ROOT/var/docker"
HOST=docker-host
openssl genrsa -aes256 -passout pass:correct-horse -out ca-key.pem 4096
openssl req -new -x509 -days 365 -key ca-key.pem -passin pass:correct-horse -sha256 -out ca.pem \
    -subj "/C=ES/ST=Madrid/L=Madrid/O=Example, S.L./OU=Operations/CN=$HOST CA/emailAddress=ops@example.com"
openssl genrsa -out server-key.pem 4096
openssl req -subj "/CN=$HOST" -sha256 -new -key server-key.pem -out server.csr
printf 'subjectAltName = DNS:%s,IP:10.10.10.20,IP:127.0.0.1\nextendedKeyUsage = serverAuth\n' $HOST >extfile.cnf
sleep 1
openssl x509 -req -days 365 -sha256 -in server.csr -CA ca.pem -CAkey ca-key.pem -passin pass:correct-horse \
    -CAcreateserial -out server-cert.pem -extfile extfile.cnf
openssl genrsa -out key.pem 4096
openssl req -subj '/CN=client' -new -key key.pem -out client.csr
echo extendedKeyUsage = clientAuth >extfile-client.cnf
openssl x509 -req -days 365 -sha256 -in client.csr -CA ca.pem -CAkey ca-key.pem -passin pass:correct-horse \
    -CAcreateserial -out cert.pem -extfile extfile-client.cnf
rm -f client.csr server.csr extfile.cnf extfile-client.cnf
chmod 0400 ca-key.pem key.pem server-key.pem
chmod 0444 ca.pem server-cert.pem cert.pem
cat >"$ROOT/etc/docker/daemon.json" <<JSON
{
  "hosts": ["unix:///var/run/docker.sock", "tcp://0.0.0.0:2376"],
  "tls": true,
  "tlsverify": true,
  "tlscacert": "/var/docker/ca.pem",
  "tlscert": "/var/docker/server-cert.pem",
  "tlskey": "/var/docker/server-key.pem",
  "log-driver": "json-file"
}
JSON
printf '[Service]\nExecStart=\nExecStart=%s --containerd=/run/containerd/containerd.sock\n' "$DOCKERD" \
    >"$ROOT/etc/systemd/system/docker.service.d/override.conf"
