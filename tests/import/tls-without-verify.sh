# Odd on purpose: `tls` without `tlsverify`, a server named in its common name alone, RSA-2048, a certificate behind a link,
# files in three places, a client with a blank in its name and one under another file name.
mkdir -p "$ROOT/opt/ssl/private" "$ROOT/etc/ssl/docker" "$ROOT/etc/docker" "$ROOT/srv/tls/alice"
cd "$ROOT/opt/ssl"
openssl genrsa -out private/ca.key 2048
openssl req -new -x509 -days 3650 -key private/ca.key -sha256 -out ca.crt -subj '/O=Example/CN=Docker: "root" #1'
openssl genrsa -out "$ROOT/etc/ssl/docker/docker.key" 2048
openssl req -subj '/CN=build-01.example.com' -new -key "$ROOT/etc/ssl/docker/docker.key" -out server.csr
openssl x509 -req -days 365 -in server.csr -CA ca.crt -CAkey private/ca.key -CAcreateserial -out server-v1.crt
ln -s /opt/ssl/server-v1.crt "$ROOT/etc/ssl/docker/docker.crt"
mkdir -p clients/alice
openssl genrsa -out clients/alice/key.pem 2048
openssl req -subj '/CN=Alice Smith' -new -key clients/alice/key.pem -out client.csr
printf 'extendedKeyUsage = clientAuth\nkeyUsage = digitalSignature, keyEncipherment\n' >client.cnf
openssl x509 -req -days 365 -in client.csr -CA ca.crt -CAkey private/ca.key -CAcreateserial -out clients/alice/cert.pem \
    -extfile client.cnf
cp clients/alice/cert.pem bob-cert.pem
rm -f client.cnf ./*.csr
cat >"$ROOT/etc/docker/daemon.json" <<JSON
{
  "tls": true,
  "tlscacert": "/opt/ssl/ca.crt",
  "tlscert": "/etc/ssl/docker/docker.crt",
  "tlskey": "/etc/ssl/docker/docker.key",
  "hosts": ["unix://", "0.0.0.0:2376"]
}
JSON
mkdir -p "$ROOT/etc/systemd/system/docker.service.d"
printf '[Service]\nExecStart=\nExecStart=%s\n' "$DOCKERD" >"$ROOT/etc/systemd/system/docker.service.d/override.conf"
