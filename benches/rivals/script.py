#!/usr/bin/env python3
"""The rival to measure against: what one writes in an afternoon, with the usual library. It neither syncs nor locks nor
merges, and puts nothing back. script.py ROOT COUNT KEY makes what is missing and checks what is there."""
import json
import sys
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

root, count, kind = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
directory, now, host = root / "etc/docker/tls", datetime.now(timezone.utc), "build-01.example.com"


def make_key():
    return rsa.generate_private_key(65537, int(kind[4:])) if kind.startswith("rsa") else ec.generate_private_key(ec.SECP256R1())


def write(path, data, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode)
    path.write_bytes(data)


def ensure(name, days, cert_path, key_path, sans=(), purpose=None, ca=None):
    """Loads a pair and checks it; makes it where it is missing or does not fit."""
    sans = [x509.IPAddress(ip_address(s)) if s[0].isdigit() else x509.DNSName(s) for s in sans]
    if cert_path.exists() and key_path.exists():
        cert = x509.load_pem_x509_certificate(cert_path.read_bytes())
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
        cert.verify_directly_issued_by(ca[0] if ca else cert)
        found = list(cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value) if sans else []
        if found == sans and key.public_key() == cert.public_key() and cert.not_valid_after_utc > now + timedelta(days=30):
            return cert, key
    key, subject = make_key(), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(ca[0].subject if ca else subject, subject, key.public_key(), x509.random_serial_number(),
                                      now - timedelta(minutes=5), now + timedelta(days=days))
    builder = builder.add_extension(x509.BasicConstraints(ca is None, None if ca else 0), critical=True)
    if ca:
        builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    cert = builder.sign(ca[1] if ca else key, hashes.SHA256())
    write(key_path, key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption()), 0o600)
    write(cert_path, cert.public_bytes(serialization.Encoding.PEM))
    return cert, key


ca = ensure(f"{host} Docker CA", 3650, directory / "ca.pem", directory / "ca-key.pem")
ensure(host, 365, directory / "server-cert.pem", directory / "server-key.pem", [host, "10.10.10.20", "127.0.0.1"],
       ExtendedKeyUsageOID.SERVER_AUTH, ca)
ca_pem = (directory / "ca.pem").read_bytes()
for name in (f"client-{number:05}" for number in range(1, count + 1)):
    folder = directory / "clients" / name
    ensure(name, 365, folder / "cert.pem", folder / "key.pem", [name], ExtendedKeyUsageOID.CLIENT_AUTH, ca)
    if not (folder / "ca.pem").exists() or (folder / "ca.pem").read_bytes() != ca_pem:
        write(folder / "ca.pem", ca_pem)
daemon = {"hosts": ["fd://", "tcp://0.0.0.0:2376"], "tlsverify": True, "tlscacert": "/etc/docker/tls/ca.pem",
          "tlscert": "/etc/docker/tls/server-cert.pem", "tlskey": "/etc/docker/tls/server-key.pem"}
for path, text in ((root / "etc/docker/daemon.json", json.dumps(daemon, indent=2) + "\n"),
                   (root / "etc/systemd/system/docker.service.d/zz-dockseal.conf",
                    "[Service]\nExecStart=\nExecStart=/usr/bin/dockerd --containerd=/run/containerd/containerd.sock\n")):
    if not path.exists() or path.read_text() != text:
        write(path, text.encode())
