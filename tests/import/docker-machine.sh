# docker-machine's host: no CA key, subjects without a common name, a server certificate that is a client's too, all flags
# in a drop-in. The client's files are on the machine of the person who made the host.
mkdir -p "$ROOT/etc/docker" "$ROOT/etc/systemd/system/docker.service.d" "$AWAY"
cd "$AWAY"
openssl genrsa -traditional -out ca-key.pem 2048
cat >ca.cnf <<CNF
[req]
distinguished_name = dn
prompt = no
x509_extensions = ext
[dn]
O = alice
[ext]
basicConstraints = critical, CA:TRUE
keyUsage = critical, digitalSignature, keyEncipherment, keyAgreement, keyCertSign
CNF
openssl req -new -x509 -days 1080 -key ca-key.pem -sha256 -config ca.cnf -out ca.pem
leaf() { # NAME ORGANIZATION EXTENSIONS
    openssl genrsa -traditional -out "$1-key.pem" 2048
    openssl req -new -key "$1-key.pem" -subj "/O=$2" -out "$1.csr"
    printf '%s\n' "$3" >"$1.cnf"
    openssl x509 -req -days 1080 -sha256 -in "$1.csr" -CA ca.pem -CAkey ca-key.pem -CAcreateserial -out "$1.pem" \
        -extfile "$1.cnf"
}
leaf server alice.build-01 'basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment, keyAgreement
extendedKeyUsage = clientAuth, serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1'
leaf cert 'alice.<bootstrap>' 'basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth'
mv cert-key.pem key.pem
cp ca.pem server.pem server-key.pem "$ROOT/etc/docker/"
cat >"$ROOT/etc/systemd/system/docker.service.d/10-machine.conf" <<UNIT
[Service]
ExecStart=
ExecStart=$DOCKERD -H tcp://0.0.0.0:2376 -H unix:///var/run/docker.sock --tlsverify --tlscacert /etc/docker/ca.pem --tlscert /etc/docker/server.pem --tlskey /etc/docker/server-key.pem --label provider=generic
Environment=
UNIT
