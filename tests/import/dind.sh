# docker:dind's DOCKER_TLS_CERTDIR=/certs, with the commands of its dockerd-entrypoint.sh. The entrypoint passes the
# flags itself; on a host with systemd a drop-in stands for it.
dir="$ROOT/certs"
certValidDays=825
mkdir -p "$dir/ca" "$dir/server" "$dir/client"
openssl genrsa -out "$dir/ca/key.pem" 4096
openssl req -new -key "$dir/ca/key.pem" -out "$dir/ca/cert.pem" -subj '/CN=docker:dind CA' -x509 -days "$certValidDays" \
    -addext keyUsage=critical,digitalSignature,keyCertSign
openssl genrsa -out "$dir/server/key.pem" 4096
openssl req -new -key "$dir/server/key.pem" -out "$dir/server/csr.pem" -subj '/CN=docker:dind server'
printf '[ x509_exts ]\nextendedKeyUsage = serverAuth\nsubjectAltName = DNS:a1b2c3d4e5f6,DNS:docker,DNS:localhost,IP:127.0.0.1,IP:172.17.0.2,IP:0:0:0:0:0:0:0:1\n' \
    >"$dir/server/openssl.cnf"
openssl x509 -req -in "$dir/server/csr.pem" -CA "$dir/ca/cert.pem" -CAkey "$dir/ca/key.pem" -CAcreateserial \
    -out "$dir/server/cert.pem" -days "$certValidDays" -extfile "$dir/server/openssl.cnf" -extensions x509_exts
cp "$dir/ca/cert.pem" "$dir/server/ca.pem"
openssl genrsa -out "$dir/client/key.pem" 4096
chmod 0644 "$dir/client/key.pem"
openssl req -new -key "$dir/client/key.pem" -out "$dir/client/csr.pem" -subj '/CN=docker:dind client'
printf '[ x509_exts ]\nextendedKeyUsage = clientAuth\n' >"$dir/client/openssl.cnf"
openssl x509 -req -in "$dir/client/csr.pem" -CA "$dir/ca/cert.pem" -CAkey "$dir/ca/key.pem" -CAcreateserial \
    -out "$dir/client/cert.pem" -days "$certValidDays" -extfile "$dir/client/openssl.cnf" -extensions x509_exts
cp "$dir/ca/cert.pem" "$dir/client/ca.pem"
if [ -n "$DOCKERD" ]; then
    mkdir -p "$ROOT/etc/systemd/system/docker.service.d"
    cat >"$ROOT/etc/systemd/system/docker.service.d/entrypoint.conf" <<UNIT
[Service]
ExecStart=
ExecStart=$DOCKERD --host=unix:///var/run/docker.sock --host=tcp://0.0.0.0:2376 --tlsverify --tlscacert $dir/server/ca.pem --tlscert $dir/server/cert.pem --tlskey $dir/server/key.pem
UNIT
fi
